//! `claude-cli profile`: where the time of a command went.

mod scratch;
mod serve;
mod show;
mod silence;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use claude_cli::{
    Error,
    measure::{Collector, Profile, Trace, chrome_trace, flame_graph, forget_peak_memory, peak_memory},
};
use tracing::trace_span;

use self::{scratch::Scratch, silence::Silence};
use crate::{analytics::dashboard, context::Context, import, prompt::PromptArgs, stream};

/// Show where the time of a command goes.
///
/// The command is run as ever, in this process, but its output goes nowhere.
/// Phases come from the code that runs; what they do not cover is told, too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, clap::Subcommand)]
enum Work {
    /// Profile a prompt; it is run, recorded and paid for as by `query`
    Query(Box<QueryArgs>),
    /// Profile a dashboard
    Dashboard(DashboardArgs),
    /// Profile an import into a new ledger, which is deleted afterwards
    Import(ImportArgs),
    /// Profile a request to a server of its own on loopback, as `serve` answers it
    Serve(ServeArgs),
}

/// How a profile is taken, and where it goes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Profile")]
struct Taking {
    /// So often the command is run; times are medians
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Write the run whose time is the median as a Chrome trace, for Perfetto (ui.perfetto.dev)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    trace: Option<PathBuf>,
    /// Draw all runs as a flame graph, in SVG
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    flame: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct QueryArgs {
    #[command(flatten)]
    taking: Taking,
    #[command(flatten)]
    prompt: PromptArgs,
}

#[derive(Debug, clap::Args)]
struct DashboardArgs {
    #[command(flatten)]
    taking: Taking,
    #[command(flatten)]
    dashboard: dashboard::PageArgs,
}

#[derive(Debug, clap::Args)]
struct ImportArgs {
    #[command(flatten)]
    taking: Taking,
    #[command(flatten)]
    import: import::Args,
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    #[command(flatten)]
    request: serve::Request,
    #[command(flatten)]
    taking: Taking,
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let collector = Collector::new();
    context.trace(Some(&collector));
    match args.work {
        Work::Query(args) => {
            // What is on stdin is there once, and the prompt is the same each time.
            let QueryArgs { taking, prompt } = *args;
            let prompt = prompt.with_stdin_read()?;
            let measured = context.measured(None);
            taking.take(&collector, "query", context, nothing, |()| {
                trace_span!("query").in_scope(|| stream::run_prompt("query", &prompt, &measured))
            })
        }
        Work::Dashboard(args) => {
            let measured = context.measured(None);
            args.taking.take(&collector, "dashboard", context, nothing, |()| {
                trace_span!("dashboard").in_scope(|| dashboard::print(&args.dashboard, &measured))
            })
        }
        Work::Import(args) => {
            if args.import.watches() {
                return Err(Error::Invalid("--watch has no end that could be profiled".to_owned()).into());
            }
            // On the disk that the ledger is on.
            let beside = context.ledger_path()?;
            let prepare = || Ok(Scratch::beside(&beside)?);
            args.taking.take(&collector, "import", context, prepare, |scratch| {
                let measured = context.measured(Some(scratch.ledger()));
                trace_span!("import").in_scope(|| import::run(&args.import, &measured))
            })
        }
        Work::Serve(args) => {
            let path = args.request.path()?;
            let prepare = || serve::Running::bind(context);
            args.taking.take(&collector, "serve", context, prepare, |running| {
                let root = trace_span!("serve", path);
                root.in_scope(|| running.answer(path))
            })
        }
    }
}

fn nothing() -> anyhow::Result<()> {
    Ok(())
}

impl Taking {
    /// What `prepare` makes for a run is not measured, and neither is its end.
    fn take<T>(
        &self,
        collector: &Collector,
        work: &str,
        context: &Context,
        mut prepare: impl FnMut() -> anyhow::Result<T>,
        mut run: impl FnMut(&mut T) -> anyhow::Result<ExitCode>,
    ) -> anyhow::Result<ExitCode> {
        let mut traces = Vec::new();
        let mut own_peak = None;
        for _ in 0..self.runs {
            forget_peak_memory();
            let silence = Silence::begin()?;
            let mut prepared = prepare()?;
            collector.start();
            let ended = run(&mut prepared);
            traces.push(collector.take());
            drop(prepared);
            own_peak = own_peak.max(peak_memory());
            drop(silence);
            let code = ended?;
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
        }
        let profile = Profile::of(work, &traces, own_peak);
        self.write(&profile, &traces, work)?;
        let typical = traces.get(profile.typical);
        show::show(&profile, typical, context)?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, profile: &Profile, traces: &[Trace], work: &str) -> anyhow::Result<()> {
        let process = format!("claude-cli {work}");
        if let (Some(path), Some(trace)) = (&self.trace, traces.get(profile.typical)) {
            write(path, &serde_json::to_vec(&chrome_trace(trace, &process))?)?;
        }
        if let Some(path) = &self.flame {
            write(path, &flame_graph(traces, &process)?)?;
        }
        Ok(())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(|e| Error::io(format!("cannot write {}", path.display()), e))
}
