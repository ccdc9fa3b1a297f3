//! Running a load test.

use std::{
    fs,
    ops::ControlFlow,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use claude_cli::{
    Error, ExitClass,
    load::{self, Budget, LOADTEST_SCHEMA, LoadTestResult, Plan, RunResult, Search, Work},
    pricing::format_usd,
};
use jiff::Timestamp;

use super::{
    args::{RunArgs, Scenario},
    kept,
    progress::Bar,
    show,
    target::Simulator,
};
use crate::{context::Context, simulate::allow_many_files};

pub(super) fn run(args: &RunArgs, context: &Context) -> anyhow::Result<ExitCode> {
    check(args)?;
    allow_many_files();
    let simulator = match &args.target {
        None => Some(Simulator::start(args.simulate.as_deref())?),
        Some(_) => None,
    };
    let url = simulator.as_ref().map_or_else(|| args.target.clone().unwrap_or_default(), |s| s.url.clone());
    let work = Arc::new(args.work(&url, context)?);
    let (load, duration) = args.load(context)?;
    let plan = args.plan(&work, load, duration);
    let budget = budget(args, &plan, context)?;
    let interrupted = interrupts()?;
    let started_at = Timestamp::now().as_millisecond();
    let one = |mut plan: Plan| -> claude_cli::Result<RunResult> {
        plan.budget.clone_from(&budget);
        let bar = Bar::over(&plan, context);
        load::run(&plan, |progress| {
            bar.show(progress);
            if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    let at = |value: f64| one(args.plan(&work, args.load_of(value), args.duration));
    let (mut runs, mut max) = (Vec::new(), None);
    if args.find_max {
        let mut search = match args.users {
            Some(_) => Search::of_users(args.first(), args.most),
            None => Search::of_rate(args.first(), args.most),
        };
        search.attain = args.attain;
        let (found, tried) = load::find_max(&search, at)?;
        (runs, max) = (tried, Some(found));
    } else if args.sweep.is_empty() {
        runs.push(one(plan)?);
    } else {
        for value in &args.sweep {
            runs.push(at(*value)?);
            if interrupted.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    // Of a search, gates are what is searched by.
    let ok = max.as_ref().map_or_else(|| runs.iter().all(RunResult::holds), |max| max.value.is_some());
    let result = LoadTestResult {
        schema: LOADTEST_SCHEMA.to_owned(),
        id: uuid::Uuid::now_v7().to_string(),
        name: args.name.clone(),
        started_at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        target: without_secrets(&url),
        simulated: simulator.is_some(),
        scenario: scenario(args.scenario).to_owned(),
        model: (args.scenario == Scenario::Messages).then(|| args.model.clone()),
        slo: args.slo.as_ref().map(|slo| slo.text().to_owned()),
        runs,
        max,
        ok,
    };
    drop(simulator);
    finish(args, &result, context, interrupted.load(Ordering::Relaxed))
}

fn finish(
    args: &RunArgs,
    result: &LoadTestResult,
    context: &Context,
    interrupted: bool,
) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.report {
        fs::write(path, load::html(result))
            .with_context(|| format!("cannot write the report {}", path.display()))?;
    }
    show::result(result, context)?;
    if !args.no_keep
        && let Err(error) = kept::keep(result, context)
    {
        // The figures were shown; what cannot be kept is no reason to fail.
        context.note(&format!("warning: the result is not kept: {error:#}"));
    }
    for run in &result.runs {
        for reason in &run.generator.reasons {
            context.note(&format!("not valid: {reason}"));
        }
        if let Some(why) = &run.ended_by {
            context.note(&format!("ended early: {why}"));
        }
        for verdict in run.thresholds.iter().filter(|verdict| !verdict.ok && result.max.is_none()) {
            let value =
                verdict.value.map_or_else(|| "there is no data".to_owned(), |value| format!("it is {value:.3}"));
            let why = if run.generator.valid { value } else { format!("{value}, and the run is not valid") };
            context.note(&format!("threshold {}: {why}", verdict.threshold));
        }
    }
    let capped = result.runs.iter().any(|run| run.cost.cap_reached);
    Ok(if interrupted {
        ExitCode::from(Error::Interrupted.exit_code())
    } else if !result.ok || capped {
        ExitCode::from(ExitClass::Gate.code())
    } else {
        ExitCode::SUCCESS
    })
}

fn check(args: &RunArgs) -> claude_cli::Result<()> {
    let invalid = |text: &str| Err(Error::Invalid(text.to_owned()));
    if args.scenario != Scenario::Messages && args.target.is_none() {
        return invalid("this scenario needs a --target: the simulated API has nothing but messages");
    }
    if args.find_max && args.slo.is_none() && args.gates().is_empty() {
        return invalid("--find-max needs to know what is to be kept: give --slo or --threshold");
    }
    if args.warmup >= args.duration && args.steps.is_empty() && args.replay.is_none() {
        return invalid("the --warmup is as long as the test: nothing would be left of it");
    }
    if args.samples.is_some() && (args.find_max || !args.sweep.is_empty()) {
        return invalid("--samples is for one run: leave it out with --sweep and --find-max");
    }
    Ok(())
}

/// What may be spent. Says what the test will cost before the first request.
fn budget(args: &RunArgs, plan: &Plan, context: &Context) -> anyhow::Result<Option<Arc<Budget>>> {
    let Work::Messages(messages) = &*plan.work else { return Ok(None) };
    if messages.is_loopback() && args.max_cost.is_none() {
        return Ok(None);
    }
    let Some(cap) = args.max_cost else {
        let cost = estimate(messages.estimated_cost(), plan);
        return Err(Error::Invalid(format!(
            "this costs real money ({cost}): say with --max-cost how much it may"
        ))
        .into());
    };
    let Some(worst) = messages.worst_cost() else {
        let model = &args.model;
        return Err(
            Error::Invalid(format!("the model {model} has no known price, so --max-cost cannot be kept")).into()
        );
    };
    context.note(&format!(
        "estimate: {}; no more than ${} will be spent",
        estimate(messages.estimated_cost(), plan),
        format_usd(cap, 2, true)
    ));
    if worst > cap {
        return Err(Error::OverBudget { spent: worst, limit: cap }.into());
    }
    Ok(Some(Arc::new(Budget::new(cap, worst))))
}

fn estimate(each: Option<i64>, plan: &Plan) -> String {
    match (each, plan.expected()) {
        (Some(each), Some(count)) => {
            let all = (each as f64 * count) as i64;
            format!(
                "{count:.0} requests cost ${} at most, if every answer is as long as it may be",
                format_usd(all, 4, false)
            )
        }
        (Some(each), None) => {
            format!("a request costs ${} at most, as many as there will be", format_usd(each, 6, false))
        }
        (None, _) => "the model has no known price".to_owned(),
    }
}

const fn scenario(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Messages => "messages",
        Scenario::Get => "get",
        Scenario::Dashboard => "dashboard",
        Scenario::Timeseries => "timeseries",
        Scenario::Summary => "summary",
        Scenario::Live => "live",
    }
}

/// A URL without a name and password, and without a query: both may be secret.
fn without_secrets(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let at = host.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[at..])
}

/// Set when SIGINT or SIGTERM comes.
fn interrupts() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot catch signals")?;
    }
    Ok(flag)
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_of_a_url_are_left_out() {
        for (url, shown) in [
            ("http://me:pw@host:80/a?key=1", "http://host:80/a"),
            ("https://host", "https://host"),
            ("http://[::1]:8/x@y", "http://[::1]:8/x@y"),
        ] {
            assert_eq!(super::without_secrets(url), shown);
        }
    }
}
