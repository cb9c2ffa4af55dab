//! `mproc status`: what a manager says of itself.

use super::cli::Context;
use super::exit::Outcome;
use super::output::{self, count, print_json, printable, size, span, styled, BOLD};
use serde_json::json;
use std::process::ExitCode;

/// Show how a manager is
///
/// Which instance of it answers, for how long it has been running, how many clients and objects it has, and how much
/// it had to do. What objects there are says `mproc ls --manager`.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  mproc status --manager unix:/run/mproc.sock
  mproc status --manager tcp:host:7000 --key-file ~/.mproc-key --json

Exit codes: 8 it refused (another key, another user), 12 nobody is there, or does not answer.")]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(context: &Context, _args: &Args) -> Outcome {
    let (address, link) = context.connection()?;
    let info = link.info()?;
    let instance: String = info.instance.iter().map(|byte| format!("{byte:02x}")).collect();
    let address = address.to_string();
    if context.json {
        print_json(&json!({
            "address": address,
            "instance": instance,
            "pid": info.pid,
            "uptime_seconds": info.uptime_ns as f64 / 1e9,
            "clients": info.clients,
            "unauthenticated": info.unauthenticated,
            "objects": info.objects,
            "bytes": info.bytes,
            "procedures": info.procedures,
            "waiting": info.waiting,
            "requests": info.requests,
            "refused": info.refused,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut clients = count(info.clients, "client");
    if info.unauthenticated > 0 {
        clients.push_str(&format!(", {} on the way in", info.unauthenticated));
    }
    let lines = [
        styled(&printable(&address), BOLD),
        format!("  instance  {instance}, pid {}, up {}", info.pid, span(info.uptime_ns)),
        format!("  clients   {clients} (one of them is this command), {} refused", info.refused),
        format!("  objects   {}, which may take {}", count(info.objects, "object"), size(info.bytes)),
        format!("  requests  {}, {} waiting", info.requests, info.waiting),
        format!("  offers    {}", count(info.procedures.into(), "procedure")),
    ];
    output::print(&(lines.join("\n") + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
