//! `claude-cli import`: transcripts, other ledgers and exports into the ledger.

mod merge;
mod progress;
mod watching;

use std::{
    io::{self, IsTerminal, Write, stderr},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use claude_cli::{
    Error,
    store::{LedgerReader, SqliteLedger},
    transcript::{self, ImportOptions, ImportReport, Plan, TranscriptFile, config_folders},
};
use serde_json::json;
use tracing::trace_span;

use self::{merge::Merged, progress::Bar};
pub(crate) use self::{merge::same_file, progress::Interrupt};
use crate::{
    asked,
    context::Context,
    output::{Column, Report, Value},
};

/// The `schema` of what an import did.
const SCHEMA: &str = "claude-cli/import@1";
/// So many problems are told; the JSON report has more.
const TOLD: usize = 10;
/// So many problems of exports are in the JSON report.
const LISTED: usize = 100;

/// Read transcripts, other ledgers and exports into the ledger.
///
/// Without FILE: the transcripts of Claude Code, only what is new in them.
/// Reports do that by themselves. Whatever is read, and however often, counts
/// once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Another ledger, an export (`analytics export --format ndjson`, also with
    /// gzip), a transcript, or a folder of transcripts
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    files: Vec<PathBuf>,
    /// Follow the transcripts as they are written, until interrupted
    #[arg(long, conflicts_with = "files")]
    watch: bool,
}

impl Args {
    /// Whether it goes on until it is interrupted.
    pub(crate) const fn watches(&self) -> bool {
        self.watch
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let path = context.ledger_path()?;
    let mut ledger = trace_span!("open").in_scope(|| SqliteLedger::open(&path))?.with_prices(context.prices());
    if args.watch {
        return watching::run(&mut ledger, context);
    }
    let mut merged = Merged::default();
    let report = if args.files.is_empty() {
        let plan = Plan::of(&ledger, &config_folders())?;
        read(&mut ledger, plan, context)?
    } else {
        ledger.prepare_for_bulk()?;
        let mut transcripts = Vec::new();
        let mut folders = Vec::new();
        for file in &args.files {
            match Kind::of(file)? {
                Kind::Folder => {
                    // A config folder, or one that somebody keeps transcripts in.
                    let projects = file.join("projects");
                    folders.push(if projects.is_dir() { projects } else { file.clone() });
                }
                Kind::Transcript => transcripts.push(file.clone()),
                Kind::Ledger => merged.ledger(file, &mut ledger, context)?,
                Kind::Export { gzip } => merged.export(file, gzip, &mut ledger, context)?,
            }
        }
        let (mut found, problems) = transcript::find_below(&folders);
        for file in transcripts {
            found.push(TranscriptFile::at(&file).map_err(|e| unreadable(&file, e))?);
        }
        let plan = Plan::of_files(&ledger, found, problems)?;
        read(&mut ledger, plan, context)?
    };
    trace_span!("close").in_scope(|| drop(ledger));
    trace_span!("render").in_scope(|| {
        tell_problems(&report, context);
        show(&report, &merged).write(context.format(), context.width())
    })?;
    if report.requests + merged.requests > 0 && !report.interrupted && !context.is_measured() {
        asked::warm_after_import(context);
    }
    Ok(if report.interrupted { ExitCode::from(Error::Interrupted.exit_code()) } else { ExitCode::SUCCESS })
}

fn unreadable(path: &Path, e: io::Error) -> Error {
    Error::io(format!("cannot read {}", path.display()), e)
}

/// What a file is.
enum Kind {
    Folder,
    Transcript,
    Ledger,
    Export { gzip: bool },
}

impl Kind {
    fn of(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Ok(Self::Folder);
        }
        let head = merge::head(path).map_err(|e| unreadable(path, e))?;
        if head.bytes.starts_with(b"SQLite format 3\0") {
            Ok(Self::Ledger)
        } else if head.bytes.starts_with(br#"{"schema":"claude-cli/export@"#) {
            Ok(Self::Export { gzip: head.gzip })
        } else if !head.gzip && path.extension().is_some_and(|e| e == "jsonl") {
            Ok(Self::Transcript)
        } else {
            Err(Error::Invalid(format!(
                "{} is neither a ledger, nor an export (`analytics export --format ndjson`), nor a transcript (.jsonl)",
                path.display()
            )))
        }
    }
}

/// Who the requests in this machine's transcripts are counted for.
pub(crate) fn options() -> ImportOptions {
    let mut options = ImportOptions::default();
    options.user = crate::recording::user().map(Into::into);
    options.host = crate::recording::host().map(Into::into);
    options
}

/// Reads transcripts, with a progress bar where somebody watches a long read.
fn read(ledger: &mut SqliteLedger, plan: Plan, context: &Context) -> anyhow::Result<ImportReport> {
    if plan.is_empty() {
        ledger.finish_bulk()?;
        let mut none = ImportReport::default();
        none.unchanged = plan.unchanged();
        return Ok(none);
    }
    let bar = (stderr().is_terminal() && !context.quiet()).then(|| Bar::over(&plan));
    let interrupted = Interrupt::catch()?;
    ledger.prepare_for_bulk()?;
    let mut report = transcript::import(ledger, plan, &options(), &mut |progress| {
        if let Some(bar) = &bar {
            bar.show(progress);
        }
        if interrupted.came() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    trace_span!("write ids").in_scope(|| ledger.finish_bulk())?;
    // It may have come too late to end anything here.
    report.interrupted |= interrupted.came();
    Ok(report)
}

fn tell_problems(report: &ImportReport, context: &Context) {
    for problem in report.problems.iter().take(TOLD) {
        context.note(&format!("warning: {problem}"));
    }
    let more = report.problem_count.saturating_sub(TOLD as u64);
    if more > 0 {
        context.note(&format!("warning: {more} more problems; `claude-cli import --format json` lists them"));
    }
}

/// Reads what is new before a report, so that it says all. What goes wrong is
/// told, and keeps no report from being made; only the user does.
pub(crate) fn before_report(context: &Context) -> Result<(), Error> {
    match import_new(context) {
        Ok(report) => {
            tell_problems(&report, context);
            if report.interrupted { Err(Error::Interrupted) } else { Ok(()) }
        }
        Err(error) => {
            context.note(&format!("warning: the transcripts were not read: {error:#}"));
            Ok(())
        }
    }
}

fn import_new(context: &Context) -> anyhow::Result<ImportReport> {
    let (found, problems) = transcript::find(&config_folders());
    if found.is_empty() && problems.is_empty() {
        return Ok(ImportReport::default());
    }
    let path = context.ledger_path()?;
    // Mostly nothing is new, and there is no need to write.
    let reader = SqliteLedger::open_read_only(&path)?;
    let nothing: &dyn LedgerReader = &crate::report::NoLedger;
    let plan = Plan::of_files(reader.as_ref().map_or(nothing, |ledger| ledger), found, problems)?;
    if plan.is_empty() {
        return Ok(ImportReport::default());
    }
    drop(reader);
    let mut ledger = SqliteLedger::open(&path)?.with_prices(context.prices());
    read(&mut ledger, plan, context)
}

fn show(report: &ImportReport, merged: &Merged) -> Report {
    let of_merged = merged
        .problems
        .iter()
        .map(|p| json!({ "path": p.path, "line": p.line, "offset": null, "message": p.message }));
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|p| json!({ "path": p.path, "line": p.line, "offset": p.offset, "message": p.message }))
        .chain(of_merged)
        .collect();
    let json = json!({
        "schema": SCHEMA,
        "files": report.files,
        "unchanged": report.unchanged,
        "bytes": report.bytes,
        "usage_lines": report.usage_lines,
        "requests": report.requests,
        "skipped": report.skipped,
        "problem_count": report.problem_count + merged.problem_count,
        "problems": problems,
        "interrupted": report.interrupted,
        "merged": { "ledgers": merged.files, "runs": merged.runs, "requests": merged.requests },
    });
    let column = |name, title, right| Column { name, title, right, optional: false };
    let row = |name: &str, n: u64| vec![Value::text(name), Value::count(i64::try_from(n).unwrap_or(i64::MAX))];
    let mut rows = vec![
        row("transcripts read", report.files as u64),
        row("transcripts unchanged", report.unchanged as u64),
        row("bytes read", report.bytes),
        row("usage lines", report.usage_lines),
        row("requests", report.requests),
        row("lines left out", report.skipped),
    ];
    if merged.files > 0 {
        rows.push(row("ledgers merged", merged.files));
        rows.push(row("requests merged", merged.requests));
        rows.push(row("runs merged", merged.runs));
    }
    Report {
        columns: vec![column("what", "Import", false), column("count", "", true)],
        rows,
        totals: None,
        lines: vec![json.clone()],
        json,
    }
}

/// Writes one line, for whoever follows along.
fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
