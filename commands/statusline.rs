//! `claude-cli statusline`: one line for Claude Code's status line hook.

use std::{
    io::{IsTerminal, Read, Write, stdin, stdout},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use claude_cli::{
    analytics::{Block, Glance, StatusInput},
    pricing::format_usd,
    store::{CostMode, SqliteLedger, Sums},
};
use jiff::Timestamp;

use crate::{context::Context, report::span};

/// Whatever is on stdin is read no longer than this, and no further.
const PATIENCE: Duration = Duration::from_millis(200);
const MOST_INPUT: u64 = 1 << 20;
/// A ledger that is locked for longer is left out.
const LOCK_WAIT: Duration = Duration::from_millis(5);
const DIM: &str = "2";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

/// Print a line for Claude Code's status line: model, what the session and the
/// day cost, the 5-hour window in use, and the context.
///
/// Reads the hook's JSON on stdin. It never fails: what is not known is left
/// out. It only looks at the ledger, and imports nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let input = StatusInput::parse(&input());
    let now = Timestamp::now().as_millisecond();
    let session = input.session.as_deref().filter(|_| input.session_usd.is_none());
    let glance = context
        .ledger_path()
        .ok()
        .and_then(|path| SqliteLedger::glance(&path, LOCK_WAIT).ok().flatten())
        .and_then(|ledger| Glance::read(&ledger, session, now, &context.tz).ok());
    let line = line(&input, glance.as_ref(), now, context.colors_captured());
    // Nobody is left to tell if this fails.
    let _ = writeln!(stdout(), "{line}");
    Ok(ExitCode::SUCCESS)
}

/// What is on stdin, as far as it comes in time.
fn input() -> Vec<u8> {
    if stdin().is_terminal() {
        return Vec::new();
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdin().lock().take(MOST_INPUT).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver.recv_timeout(PATIENCE).unwrap_or_default()
}

fn line(input: &StatusInput, glance: Option<&Glance>, now: i64, colors: bool) -> String {
    let paint = |color: &str, text: String| if colors { format!("\x1b[{color}m{text}\x1b[0m") } else { text };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(input.model.clone());
    let session = match (input.session_usd, glance.and_then(|glance| glance.session.as_ref())) {
        (Some(usd), _) => Some(format!("${usd:.2}")),
        (None, known) => known.and_then(cost),
    };
    parts.extend(session.map(|cost| format!("{cost} session")));
    if let Some(glance) = glance {
        parts.push(format!("{} today", cost(&glance.today).unwrap_or_else(|| "cost unknown".to_owned())));
        parts.extend(glance.block.as_ref().map(|block| of_block(block, now)));
    }
    if let Some(percent) = input.context_percent {
        let color = match percent {
            p if p >= 80.0 => RED,
            p if p >= 60.0 => YELLOW,
            _ => GREEN,
        };
        parts.push(paint(color, format!("{percent:.0}% context")));
    }
    if parts.is_empty() {
        parts.push("claude-cli".to_owned());
    }
    parts.join(&paint(DIM, " · ".to_owned()))
}

/// Dollars, with a mark where the cost of some requests is unknown; `None` if
/// that of all is.
fn cost(sums: &Sums) -> Option<String> {
    claude_cli::analytics::dollars(sums, CostMode::Auto)?;
    let mark = if sums.unpriced.auto > 0 { "+?" } else { "" };
    Some(format!("${}{mark}", format_usd(sums.cost.auto, 2, false)))
}

fn of_block(block: &Block, now: i64) -> String {
    let mut text = cost(&block.sums).unwrap_or_else(|| "cost unknown".to_owned());
    text.push_str(&format!(" block, {} left", span(block.remaining(now))));
    if let Some(rate) = block.burn_rate(CostMode::Auto) {
        if let Some(usd) = rate.usd_per_hour {
            text.push_str(&format!(", ${usd:.2}/h"));
        }
        text.push_str(&format!(", {} tokens/min", short(rate.tokens_per_minute)));
    }
    text
}

/// A number in three digits or so.
fn short(n: f64) -> String {
    match n {
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 1e3 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}
