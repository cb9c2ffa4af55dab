//! `mproc completions` and `mproc man`: what a package installs beside the program, made from the program's own
//! description of its commands.

use super::exit::{Failure, Outcome, NOT_FOUND, OTHER};
use super::output;
use clap_complete::Shell;
use clap_mangen::roff::{roman, Roff};
use clap_mangen::Man as Page;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

const COMPLETIONS_HELP: &str = "\
Examples:
  # bash (with the package bash-completion), for you; takes effect in the next shell
  mkdir -p ~/.local/share/bash-completion/completions
  mproc completions bash > ~/.local/share/bash-completion/completions/mproc

  # zsh: in a directory of $fpath, before compinit runs
  mproc completions zsh > ~/.zfunc/_mproc

  # fish
  mproc completions fish > ~/.config/fish/completions/mproc.fish

  # elvish
  mproc completions elvish >> ~/.config/elvish/rc.elv

  # PowerShell
  mproc completions powershell >> $PROFILE

`make install-tool` puts those of bash, zsh and fish where these shells look for everybody.";

/// Print a completion script for a shell
///
/// Writes the script that completes commands and options of `mproc` to standard output. Where it belongs depends on the
/// shell: see the examples.
#[derive(clap::Args)]
#[command(after_long_help = COMPLETIONS_HELP)]
pub(super) struct Completions {
    /// The shell that is to read it
    shell: Shell,
}

const MAN_HELP: &str = "\
Examples:
  # read a page without installing any
  mproc man queue put | man -l -

  # all of them, for a package
  mproc man --dir build/man/man1";

/// Print or write the manual pages
///
/// Without arguments the page of `mproc` itself goes to standard output, in the format that man(1) reads; with COMMAND
/// the page of that command. With --dir, all pages are written: `mproc.1` and one for every command and each of its
/// subcommands, as `mproc-queue-put.1`.
#[derive(clap::Args)]
#[command(after_long_help = MAN_HELP)]
pub(super) struct Man {
    /// Write all pages into this directory, which is created if need be; pages of the same names are replaced
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
    /// The command whose page to print, as `queue put` [default: mproc itself]
    command: Vec<String>,
}

/// Runs `mproc completions`.
pub(super) fn completions(args: &Completions, command: &mut clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "mproc", &mut script);
    output::print_raw(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `mproc man`.
pub(super) fn man(args: &Man, command: clap::Command) -> Outcome {
    // `help` would have a page for every other page.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    if let Some(dir) = &args.dir {
        let failed = |error: io::Error| Failure::new(OTHER, format!("{}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(failed)?;
        for (name, text) in pages(&command).map_err(failed)? {
            std::fs::write(dir.join(name), text).map_err(failed)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut wanted = &command;
    for name in &args.command {
        wanted = wanted.find_subcommand(name).ok_or_else(|| {
            let name = output::printable(&args.command.join(" "));
            Failure::new(NOT_FOUND, format!("there is no command `{name}`"))
        })?;
    }
    let text = page(wanted).map_err(|error| Failure::new(OTHER, error.to_string()))?;
    output::print_raw(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of a command and of all below it, each with its file name.
fn pages(command: &clap::Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = vec![(manual(command).get_filename(), page(command)?)];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        found.extend(pages(below)?);
    }
    Ok(found)
}

fn manual(command: &clap::Command) -> Page {
    let version = concat!("libmproc ", env!("CARGO_PKG_VERSION"));
    let mut command = command.clone();
    // The summary stands under NAME already.
    if let (Some(short), Some(long)) = (command.get_about(), command.get_long_about()) {
        let (short, long) = (short.to_string(), long.to_string());
        if let Some(rest) = long.strip_prefix(&short).map(str::trim_start).filter(|rest| !rest.is_empty()) {
            command = command.long_about(rest.to_owned());
        }
    }
    Page::new(command).source(version).manual("libmproc")
}

/// One page. Its sections are clap_mangen's, but for what stands after the options: that has examples and tables, whose
/// lines must stay lines.
fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let (manual, mut text) = (manual(command), Vec::new());
    manual.render_title(&mut text)?;
    manual.render_name_section(&mut text)?;
    manual.render_synopsis_section(&mut text)?;
    manual.render_description_section(&mut text)?;
    manual.render_options_section(&mut text)?;
    if command.has_subcommands() {
        manual.render_subcommands_section(&mut text)?;
    }
    if let Some(more) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        sections(&more.to_string()).to_writer(&mut text)?;
    }
    if command.get_name() != "mproc" {
        let mut see = Roff::new();
        see.control("SH", ["SEE ALSO"]).text([roman("mproc(1)")]);
        see.to_writer(&mut text)?;
    }
    Ok(text)
}

/// The text after the options as sections: `Examples:` on a line of its own is a heading, indented lines stay as they
/// are, others are filled.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let (mut begun, mut fixed) = (false, false);
    for line in text.lines() {
        let heading = line.strip_suffix(':').filter(|head| !head.starts_with(' ') && head.len() < 40);
        let fix = heading.is_none() && (line.starts_with(' ') || (fixed && line.is_empty()));
        if !begun && heading.is_none() {
            roff.control("SH", ["NOTES"]);
        }
        begun = true;
        if fix != fixed {
            roff.control(if fix { "nf" } else { "fi" }, []);
            fixed = fix;
        }
        match heading {
            Some(head) => roff.control("SH", [head.to_uppercase().as_str()]),
            None if line.is_empty() => roff.control("PP", []),
            None => roff.text([roman(line)]),
        };
    }
    if fixed {
        roff.control("fi", []);
    }
    roff
}
