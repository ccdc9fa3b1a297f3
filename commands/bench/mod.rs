//! `claude-cli bench`: how fast it is, and whether it became slower.

mod baseline;
mod query;
mod show;

use std::{
    env,
    io::{IsTerminal, stderr, stdin, stdout},
    path::PathBuf,
    process::ExitCode,
};

use claude_cli::{
    Error, ExitClass,
    measure::{
        bench::{self, Comparison, Options, Verdict},
        suites,
    },
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::{context::Context, import::Interrupt};

/// Time the built-in benchmarks, or prompts.
///
/// Without SUITE, all of them. Each round is a process of its own, on one
/// processor, so that what differs from process to process is seen. A comparison
/// fails, with exit code 3, where the 99.9% interval of a benchmark's change lies
/// above the limit: noise makes it wide, and only what is certainly slower fails.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    prompts: Option<Prompts>,
    /// Suites, or single benchmarks as SUITE/NAME; `--list` shows them
    #[arg(value_name = "SUITE")]
    suites: Vec<String>,
    /// List suites and benchmarks, and run none
    #[arg(long)]
    list: bool,
    /// So many processes, or pairs of them; intervals need 11 of them
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=200))]
    rounds: u32,
    /// Keep the results under a name, for --compare
    #[arg(long, value_name = "NAME", value_parser = baseline::name)]
    save_baseline: Option<String>,
    /// Compare with results that were kept
    #[arg(long, value_name = "NAME", value_parser = baseline::name, conflicts_with = "against")]
    compare: Option<String>,
    /// Compare with another build of this program, whose turns alternate with ours
    #[arg(long, value_name = "PROGRAM", value_hint = clap::ValueHint::FilePath, conflicts_with = "save_baseline")]
    against: Option<PathBuf>,
    /// The build to judge, if it is not this program
    #[arg(long, value_name = "PROGRAM", value_hint = clap::ValueHint::FilePath)]
    program: Option<PathBuf>,
    /// How much slower a benchmark may be, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 3.0, value_parser = percent)]
    limit: f64,
    /// Keep no process on one processor
    #[arg(long)]
    no_pin: bool,
    /// Serve as a worker of such a run
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Prompts {
    /// Time a prompt, on one model or several, side by side; each run is recorded and paid for
    Query(Box<query::Args>),
}

fn percent(text: &str) -> Result<f64, String> {
    let valid = |percent: &f64| (0.0..=1000.0).contains(percent);
    text.parse().ok().filter(valid).ok_or_else(|| "a number of percent from 0 to 1000".to_owned())
}

pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    if let Some(Prompts::Query(args)) = args.prompts {
        return query::run(&args, context);
    }
    if args.worker {
        bench::serve(stdin().lock(), stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let cases = chosen(&args.suites)?;
    if args.list {
        show::list(&cases, context)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = Options::new(args.program.clone().map_or_else(env::current_exe, Ok)?, cases);
    options.rounds = args.rounds as usize;
    options.pinned = !args.no_pin;
    let limit = args.limit / 100.0;
    let progress = Progress::over(options.rounds, context)?;
    if let Some(other) = &args.against {
        let pairs = bench::run_against(&options, other, &mut |round| progress.begins(round))?;
        progress.end();
        let comparison = Comparison::of_pairs(&other.display().to_string(), &pairs, limit);
        show::comparison(None, &comparison, context)?;
        return Ok(judge(&comparison, options.rounds, context));
    }
    // What cannot be compared with is told before anything is run.
    let earlier = args.compare.as_deref().map(baseline::read).transpose()?;
    let results = bench::run(&options, Timestamp::now().to_string(), &mut |round| progress.begins(round))?;
    progress.end();
    if let Some(name) = &args.save_baseline {
        baseline::write(name, &results)?;
    }
    let (Some(earlier), Some(name)) = (earlier, &args.compare) else {
        show::results(&results, context)?;
        return Ok(ExitCode::SUCCESS);
    };
    if earlier.machine != results.machine {
        context.note("warning: the baseline is of another machine; compare builds with --against instead");
    }
    let comparison = Comparison::of_results(name, &earlier, &results, limit);
    show::comparison(Some(&results), &comparison, context)?;
    Ok(judge(&comparison, options.rounds.min(earlier.rounds), context))
}

/// The cases that these words name; all of them if there are none.
fn chosen(words: &[String]) -> Result<Vec<String>, Error> {
    let all: Vec<String> = suites::names().map(|(name, _)| name).collect();
    for word in words {
        let known = all.iter().any(|name| name == word || name.starts_with(&format!("{word}/")));
        if !known {
            let suites: Vec<_> = suites::SUITES.iter().map(|suite| suite.name).collect();
            let message = format!("there is no suite or benchmark `{word}`; suites are {}", suites.join(", "));
            return Err(Error::Invalid(message));
        }
    }
    let named = |name: &String| words.iter().any(|word| name == word || name.starts_with(&format!("{word}/")));
    Ok(all.into_iter().filter(|name| words.is_empty() || named(name)).collect())
}

/// A regression is a gate that tripped; so is a comparison of nothing.
fn judge(comparison: &Comparison, rounds: usize, context: &Context) -> ExitCode {
    let gate = ExitCode::from(ExitClass::Gate.code());
    if comparison.cases.is_empty() {
        context.note("gate: there is no benchmark that both have");
        return gate;
    }
    if comparison.cases.iter().all(|case| case.low.is_none()) {
        context.note(&format!("gate: {rounds} rounds are too few to tell anything; use 15"));
        return gate;
    }
    let slower: Vec<_> = comparison.regressions().collect();
    for case in &slower {
        let low = case.low.unwrap_or_default() * 100.0;
        context.note(&format!("gate: {} is slower by {:.1}%, at least {low:.1}%", case.name, case.change * 100.0));
    }
    let open = comparison.cases.iter().filter(|case| case.verdict == Verdict::Open).count();
    if open > 0 {
        context.note(&format!(
            "{open} of {} benchmarks may have changed by more than the limit, either way; more --rounds tell",
            comparison.cases.len()
        ));
    }
    if slower.is_empty() { ExitCode::SUCCESS } else { gate }
}

/// How far it is, on a terminal; and its end, if that is wanted.
struct Progress {
    bar: ProgressBar,
    interrupt: Interrupt,
}

impl Progress {
    fn over(rounds: usize, context: &Context) -> anyhow::Result<Self> {
        let bar = if stderr().is_terminal() && !context.quiet() {
            ProgressBar::new(rounds as u64)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("round {pos} of {len} {bar:30} {eta}") {
            bar.set_style(style);
        }
        Ok(Self { bar, interrupt: Interrupt::catch()? })
    }

    fn begins(&self, round: usize) -> Result<(), Error> {
        self.bar.set_position(round as u64);
        if self.interrupt.came() { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
