//! `claude-cli doctor`: whether everything is in place.

mod checks;

use std::process::ExitCode;

use serde_json::json;

use self::checks::{
    cache, claude, config, credentials, disk, endpoint, ledger, prices, program, telemetry, transcripts, waiting,
};
use crate::{
    context::{Context, variable},
    output::{Column, Report, Value},
};

/// Check whether everything is in place, and say what to do where it is not.
///
/// Exits with 1 if something has to be done.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Note,
    Bad,
}

struct Check {
    name: &'static str,
    state: State,
    found: String,
    /// What to do about it.
    advice: String,
}

fn good(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, state: State::Good, found: found.into(), advice: String::new() }
}

fn note(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { name, state: State::Note, found: found.into(), advice: advice.into() }
}

fn bad(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { name, state: State::Bad, found: found.into(), advice: advice.into() }
}

pub(crate) fn run(_: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let program = program(context);
    let key = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"].into_iter().find(|name| variable(name).is_some());
    let mut checks = vec![claude(program.as_deref(), key.is_some()), credentials(key, program.is_some())];
    checks.push(endpoint());
    checks.push(config(context));
    checks.push(prices());
    match context.ledger_path() {
        Ok(path) => checks.extend([ledger(&path), waiting(&path), disk(&path)]),
        Err(e) => checks.push(bad("ledger", e.to_string(), "set HOME, or name it with --db")),
    }
    checks.push(cache());
    checks.push(transcripts());
    checks.push(telemetry());
    let failed = checks.iter().any(|check| check.state == State::Bad);
    report(&checks).write(context.format(), context.width())?;
    Ok(ExitCode::from(u8::from(failed)))
}

fn report(checks: &[Check]) -> Report {
    let column = |name, title| Column { name, title, right: false, optional: false };
    let name = |state| match state {
        State::Good => "ok",
        State::Note => "note",
        State::Bad => "bad",
    };
    let text = |check: &Check| match check.advice.as_str() {
        "" => check.found.clone(),
        advice => format!("{}\n→ {advice}", check.found),
    };
    let rows = checks.iter().map(|check| {
        vec![
            Value::text(check.name),
            Value::text(name(check.state)),
            Value { shown: text(check), raw: check.found.clone() },
        ]
    });
    let lines: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({ "check": check.name, "state": name(check.state), "found": check.found, "advice": check.advice })
        })
        .collect();
    Report {
        columns: vec![column("check", "Check"), column("state", "State"), column("found", "Found")],
        rows: rows.collect(),
        totals: None,
        json: json!({ "schema": "claude-cli/doctor@1", "checks": lines }),
        lines,
    }
}
