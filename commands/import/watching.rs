//! `claude-cli import --watch`.

use std::{collections::HashSet, ops::ControlFlow, process::ExitCode};

use claude_cli::{
    store::SqliteLedger,
    transcript::{config_folders, watch},
};
use serde_json::json;

use super::{line, options, progress::Interrupt, tell_problems};
use crate::{context::Context, output::Format};

pub(super) fn run(ledger: &mut SqliteLedger, context: &Context) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::catch()?;
    let folders = config_folders();
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    context.note(&format!("following the transcripts in {}; Ctrl-C ends it", names.join(", ")));
    let mut unwritten = None;
    // What cannot be read at all is met again with every search.
    let mut told = HashSet::new();
    watch(ledger, &folders, &options(), &mut |report| {
        if let Some(mut report) = report {
            report.problems.retain(|problem| problem.offset.is_some() || told.insert(problem.to_string()));
            tell_problems(&report, context);
            if report.requests == 0 {
                return go_on(&interrupt);
            }
            let text = if context.format() == Format::Table {
                format!("{} requests in {} files", report.requests, report.files)
            } else {
                json!({ "files": report.files, "requests": report.requests, "bytes": report.bytes }).to_string()
            };
            if let Err(e) = line(&text) {
                unwritten = Some(e);
                return ControlFlow::Break(());
            }
        }
        go_on(&interrupt)
    })?;
    unwritten.map_or(Ok(ExitCode::SUCCESS), |e| Err(e.into()))
}

fn go_on(interrupt: &Interrupt) -> ControlFlow<()> {
    if interrupt.came() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
