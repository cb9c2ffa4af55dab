//! `mproc doctor`: whether this machine and this domain are as the library needs them. It looks only: it joins nothing,
//! and what it tries, it tries with files that have no name.

mod domain;
mod machine;
mod place;

use super::cli::Context;
use super::exit::{Outcome, NO};
use super::output::{self, BAD, BOLD, DIM, GOOD, NOTE};
use serde_json::{json, Value};
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
What it looks at:
  directory  where the domain is or would be: file system, space, file locks
  kernel     what the library rests on, and what it does better with
  system     /proc, pid namespace, systemd-logind, memory, overcommit
  limits     of this process: run it where, and as whom, the programs run
  domain     owner, modes, registry, processes, leftovers, damaged objects

Examples:
  mproc doctor
  mproc doctor --json | grep -A 1 '\"status\": \"fail\"'
  sudo -u www-data mproc -d /dev/shm/mproc-www doctor

Exit codes:
  0  nothing fails (there may be warnings)
  1  something fails: programs that use this domain will not work, or not always";

/// Check whether machine and domain are in order
///
/// Each check says OK, WARN or FAIL; where it is not OK, also what that means and what to do about it. It looks only:
/// it does not join the domain and changes nothing, and it can be run beside working programs at any time.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Args {
    /// Also say of what is OK what it is needed for
    #[arg(short, long)]
    verbose: bool,
}

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Warn,
    Fail,
}

struct Check {
    section: &'static str,
    /// For programs; stable.
    id: &'static str,
    /// What it is needed for, or what it means if it is not so.
    meaning: &'static str,
    status: Status,
    finding: String,
    /// What to do; empty if it is well.
    advice: String,
}

/// What was found so far.
struct Report {
    section: &'static str,
    checks: Vec<Check>,
}

impl Report {
    fn add(&mut self, id: &'static str, meaning: &'static str, (status, finding, advice): Finding) {
        self.checks.push(Check { section: self.section, id, meaning, status, finding, advice });
    }

    fn number(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

/// Status, what was found, what to do.
type Finding = (Status, String, String);

fn ok(finding: impl Into<String>) -> Finding {
    (Status::Ok, finding.into(), String::new())
}

fn warn(finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    (Status::Warn, finding.into(), advice.into())
}

fn fail(finding: impl Into<String>, advice: impl Into<String>) -> Finding {
    (Status::Fail, finding.into(), advice.into())
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let path = context.path();
    let mut report = Report { section: "directory", checks: Vec::new() };
    let found = place::directory(&path, &mut report);
    report.section = "kernel";
    machine::kernel(&mut report);
    report.section = "system";
    machine::system(&path, &mut report);
    report.section = "limits";
    machine::limits(&mut report);
    if let Some(dir) = found {
        report.section = "domain";
        domain::domain(&path, &dir, &mut report);
    }
    let failed = report.number(Status::Fail);
    if context.json {
        output::print_json(&document(&path, &report))?;
    } else {
        output::print(&text(&path, &report, args.verbose))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warn => "warn",
        Status::Fail => "fail",
    }
}

fn document(path: &Path, report: &Report) -> Value {
    let checks = report.checks.iter().map(|check| {
        json!({
            "section": check.section,
            "check": check.id,
            "status": word(check.status),
            "finding": check.finding,
            "meaning": check.meaning,
            "advice": if check.advice.is_empty() { Value::Null } else { check.advice.as_str().into() },
        })
    });
    json!({
        "domain": path.to_string_lossy(),
        "ok": report.number(Status::Ok),
        "warn": report.number(Status::Warn),
        "fail": report.number(Status::Fail),
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn text(path: &Path, report: &Report, verbose: bool) -> String {
    let shown = |text: &str| output::printable(text);
    let mut out = format!("domain {}\n", shown(&path.to_string_lossy()));
    let mut section = "";
    for check in &report.checks {
        if check.section != section {
            section = check.section;
            out += &format!("\n{}\n", output::styled(section, BOLD));
        }
        let (mark, style) = match check.status {
            Status::Ok => ("OK  ", GOOD),
            Status::Warn => ("WARN", NOTE),
            Status::Fail => ("FAIL", BAD),
        };
        out += &format!("  {}  {}\n", output::styled(mark, style), shown(&check.finding));
        if verbose || check.status != Status::Ok {
            out += &format!("        {}\n", output::styled(check.meaning, DIM));
        }
        if !check.advice.is_empty() {
            out += &format!("        to do: {}\n", shown(&check.advice));
        }
    }
    let [good, warned, failed] = [Status::Ok, Status::Warn, Status::Fail].map(|status| report.number(status));
    out + &format!("\n{good} OK, {}, {failed} FAIL\n", output::count(warned as u64, "WARN").replace("WARNs", "WARN"))
}
