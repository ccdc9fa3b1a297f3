//! `claude-cli bench query`: prompts, timed on one model or several.

use std::{io, process::ExitCode};

use anyhow::Context as _;
use clap::{ArgMatches, FromArgMatches};
use claude_cli::{Error, Event, ExitClass, measure::bench::statistics::median, store::Outcome};
use serde_json::{Value as Json, json};

use crate::{
    context::Context,
    output::{Report, Value, millis, money},
    prompt::PromptArgs,
    recording::{Label, Unwritten, writer},
    report::{number, words},
    signals::Interrupts,
    stream::{Audience, Terms, ask},
};

/// The options, with all values of `--model`.
#[derive(Debug)]
pub(crate) struct Args {
    /// Models to ask; empty for that of the backend.
    models: Vec<String>,
    options: Options,
}

impl clap::Args for Args {
    fn augment_args(command: clap::Command) -> clap::Command {
        let about = "A model, by name or alias; may be repeated, and they are timed side by side";
        Options::augment_args(command).mut_arg("model", |arg| arg.action(clap::ArgAction::Append).help(about))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let models = matches.get_many::<String>("model").into_iter().flatten().cloned().collect();
        Ok(Self { models, options: Options::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, clap::Args)]
struct Options {
    /// So often each model is asked, in turn; --max-cost is one limit for all of it
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Benchmark")]
    runs: u32,
    /// So often each is asked before, which does not count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=100), help_heading = "Benchmark")]
    warm_up: u32,
    #[command(flatten)]
    prompt: PromptArgs,
}

/// What one run came to.
struct Ran {
    outcome: Outcome,
    error: Option<Error>,
}

/// All runs of a model.
struct Side {
    /// The model asked for.
    model: Option<String>,
    runs: Vec<Ran>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let prompt = args.options.prompt.clone().with_stdin_read()?;
    if prompt.cache.is_some() || prompt.dry_run {
        return Err(Error::Invalid("--cache and --dry-run leave nothing to be timed".to_owned()).into());
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let (sides, ended) = runtime.block_on(race(args, &prompt, context))?;
    show(&sides, context)?;
    match ended {
        Some(error) => Err(error.into()),
        None if sides.iter().all(|side| side.runs.iter().all(|ran| ran.error.is_some())) => {
            context.note("gate: no run delivered an answer");
            Ok(ExitCode::from(ExitClass::Gate.code()))
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Asks all models in turn; returns what they did, and what ended it before its end.
async fn race(args: &Args, prompt: &PromptArgs, context: &Context) -> anyhow::Result<(Vec<Side>, Option<Error>)> {
    let mut sides: Vec<Side> = args.models.iter().map(|model| Side::of(Some(model))).collect();
    if sides.is_empty() {
        sides.push(Side::of(None));
    }
    let mut listener = Listener { interrupts: Interrupts::catch()?, spent: 0, limit: prompt.max_cost };
    let terms = Terms { args: prompt, context, writer: writer(prompt, context) };
    let mut ended = None;
    'rounds: for round in 0..args.options.warm_up + args.options.runs {
        for side in &mut sides {
            let left = listener.limit.map(|limit| limit - listener.spent);
            if left.is_some_and(|left| left <= 0) {
                ended = over(&listener);
                break 'rounds;
            }
            let prepared = prompt.prepare(context)?;
            let model = side.model.as_deref().map(|model| context.config.alias(model).unwrap_or(model));
            let prepared = prepared.with(model, None);
            let mut label = Label::of("bench", prompt)?;
            label.model.clone_from(&side.model);
            let (mut ran, earlier) = ask(&label, &prepared, left, &mut listener, &terms).await?;
            let (outcome, record) = ran.finish(prepared.prompt(), prompt);
            record.wait(context);
            let outcome = earlier.with(outcome);
            listener.spent += outcome.run.cost.unwrap_or(0);
            let error = ran.error.take();
            match error {
                Some(Error::Interrupted) => {
                    ended = error;
                    break 'rounds;
                }
                // What is left of the limit is too little for another one.
                Some(Error::OverBudget { spent, .. }) => {
                    listener.spent += spent;
                    ended = over(&listener);
                    break 'rounds;
                }
                _ => {}
            }
            if round >= args.options.warm_up {
                side.runs.push(Ran { outcome, error });
            }
        }
    }
    Unwritten::of(terms.writer).wait(context);
    Ok((sides, ended))
}

fn over(listener: &Listener) -> Option<Error> {
    listener.limit.map(|limit| Error::OverBudget { spent: listener.spent, limit })
}

/// Hears what all runs cost together, and when an end is wanted.
struct Listener {
    interrupts: Interrupts,
    /// Of the runs before.
    spent: i64,
    limit: Option<i64>,
}

impl Audience for Listener {
    fn event(&mut self, _: &Event) -> io::Result<()> {
        Ok(())
    }

    fn spent(&mut self, nanos: i64) -> Result<(), Error> {
        let spent = self.spent + nanos;
        match self.limit {
            Some(limit) if spent > limit => Err(Error::OverBudget { spent, limit }),
            _ => Ok(()),
        }
    }

    async fn interrupted(&mut self) {
        self.interrupts.next().await;
    }
}

impl Side {
    fn of(model: Option<&String>) -> Self {
        Self { model: model.cloned(), runs: Vec::new() }
    }

    /// Its name; that of the model that answered, where none was asked for.
    fn name(&self) -> &str {
        let answered = || self.runs.iter().find_map(|ran| ran.outcome.run.model.as_deref());
        self.model.as_deref().or_else(answered).unwrap_or("unknown")
    }

    fn delivered(&self) -> impl Iterator<Item = &Outcome> {
        self.runs.iter().filter(|ran| ran.error.is_none()).map(|ran| &ran.outcome)
    }

    /// A figure of the runs that delivered: median, least and most.
    fn figure(&self, of: impl Fn(&Outcome) -> Option<f64>) -> Option<(f64, f64, f64)> {
        let values: Vec<f64> = self.delivered().filter_map(of).collect();
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some((median(&values), least, most))
    }

    fn to_json(&self) -> Json {
        let told = |figure: Option<(f64, f64, f64)>| {
            figure.map(|(median, min, max)| json!({ "median": median, "min": min, "max": max }))
        };
        json!({
            "model": self.name(),
            "runs": self.runs.len(),
            "delivered": self.delivered().count(),
            "ttft_ms": told(self.figure(ttft)),
            "duration_ms": told(self.figure(duration)),
            "tokens_per_second": told(self.figure(Outcome::tokens_per_second)),
            "cost_usd": told(self.figure(|outcome| outcome.run.cost.map(|nanos| nanos as f64 / 1e9))),
        })
    }
}

fn ttft(outcome: &Outcome) -> Option<f64> {
    outcome.run.ttft_ms.map(|ms| ms as f64)
}

fn duration(outcome: &Outcome) -> Option<f64> {
    outcome.run.duration_ms.map(|ms| ms as f64)
}

fn show(sides: &[Side], context: &Context) -> anyhow::Result<()> {
    let columns = vec![
        words("model", "Model", false),
        number("runs", "Runs", false),
        number("delivered", "Delivered", false),
        number("ttft_ms", "First token", false),
        number("duration_ms", "Whole", false),
        number("tokens_per_second", "Tokens/s", false),
        number("cost_usd", "Cost", false),
    ];
    let cell = |figure: Option<(f64, f64, f64)>, shown: fn(f64) -> String| {
        figure.map_or_else(
            || Value { shown: "unknown".to_owned(), raw: String::new() },
            |(median, _, _)| Value { shown: shown(median), raw: median.to_string() },
        )
    };
    let row = |side: &Side| {
        let count = |n: usize| Value::count(i64::try_from(n).unwrap_or(i64::MAX));
        let cost = side.figure(|outcome| outcome.run.cost.map(|nanos| nanos as f64 / 1e9));
        vec![
            Value::text(side.name()),
            count(side.runs.len()),
            count(side.delivered().count()),
            cell(side.figure(ttft), millis),
            cell(side.figure(duration), millis),
            cell(side.figure(Outcome::tokens_per_second), |n| format!("{n:.1}")),
            cell(cost, |usd| money((usd * 1e9).round() as i64)),
        ]
    };
    let lines: Vec<Json> = sides.iter().map(Side::to_json).collect();
    let json = json!({ "schema": "claude-cli/bench-query@1", "models": lines });
    let rows = sides.iter().map(row).collect();
    Report { columns, rows, totals: None, json, lines }.write(context.format(), context.width())
}
