//! `claude-cli analytics budget check`: how budgets stand.

use std::process::ExitCode;

use anyhow::bail;
use claude_cli::{
    ExitClass,
    analytics::{BudgetState, BudgetStatus, PROJECTION_METHOD, budget_status, budgets_json, new_crossings},
    pricing::format_usd,
    store::{Budget, Ledger, LedgerReader, SqliteLedger},
};
use jiff::Timestamp;

use super::{
    annotate::{Annotate, Gravity, github},
    describe, unknown,
};
use crate::{
    context::Context,
    output::{Report, Value, money},
    report::{CountArgs, cost, moment, number, words},
};

/// Show how budgets stand in their current period: what was spent, and what
/// will have been at its end if it goes on as it went since its start.
///
/// The first time that a check finds a budget over its warning or its limit,
/// that is recorded; `analytics alerts` lists it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these budgets
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Exit with 3 if one is over its limit, has requests of unknown cost, or no data
    #[arg(long)]
    fail_over: bool,
    /// With --fail-over: let requests of unknown cost pass
    #[arg(long, requires = "fail_over")]
    allow_unpriced: bool,
    /// Print warnings and errors on stderr as workflow commands of a CI system
    #[arg(long, value_enum, value_name = "SYSTEM")]
    annotate: Option<Annotate>,
    #[command(flatten)]
    count: CountArgs,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now().as_millisecond();
    let reader = context.ledger_reader()?;
    let budgets = chosen(&*reader, &args.names)?;
    let mut found = Vec::with_capacity(budgets.len());
    for budget in budgets {
        let (cost, simulated) = (args.count.cost(), args.count.simulated());
        found.push(budget_status(&*reader, budget, (now, &context.tz), cost, simulated)?);
    }
    report(&found, context).write(context.format(), context.width())?;
    record(&*reader, &found, context);

    if found.is_empty() && args.fail_over {
        eprintln!("claude-cli: gate: there is no budget; `claude-cli analytics budget set` makes one");
        return Ok(ExitClass::Gate.code().into());
    }
    let mut tripped = false;
    for status in &found {
        let reason = status.trips(args.allow_unpriced).filter(|_| args.fail_over);
        tripped |= reason.is_some();
        tell(args, status, reason, context);
    }
    Ok(if tripped { ExitClass::Gate.code().into() } else { ExitCode::SUCCESS })
}

fn chosen(reader: &dyn LedgerReader, names: &[String]) -> anyhow::Result<Vec<Budget>> {
    let mut all = reader.budgets()?;
    if let Some(name) = names.iter().find(|name| !all.iter().any(|budget| budget.name == **name)) {
        bail!(unknown(name));
    }
    all.retain(|budget| names.is_empty() || names.contains(&budget.name));
    Ok(all)
}

/// Records what was crossed for the first time. A ledger that cannot be written
/// costs the record, not the report.
fn record(reader: &dyn LedgerReader, found: &[BudgetStatus], context: &Context) {
    let write = || -> anyhow::Result<_> {
        let crossed = new_crossings(reader, found)?;
        if crossed.is_empty() {
            return Ok(crossed);
        }
        Ok(SqliteLedger::open(&context.ledger_path()?)?.record_alerts(&crossed)?)
    };
    match write() {
        Ok(new) => {
            for alert in new {
                let (limit, spent) = (format_usd(alert.limit, 2, true), format_usd(alert.spent, 2, true));
                context.note(&format!(
                    "alert: budget {} crossed {} % of ${limit} (spent ${spent})",
                    alert.budget, alert.threshold
                ));
            }
        }
        Err(e) => context.note(&format!("warning: alerts could not be recorded: {e:#}")),
    }
}

/// Says on stderr what needs attention.
fn tell(args: &Args, status: &BudgetStatus, reason: Option<String>, context: &Context) {
    let name = &status.budget.name;
    let spent = format!("spent ${} of ${}", money_of(status.spent()), money_of(status.budget.limit));
    let (gravity, text) = match (reason, status.state()) {
        (Some(reason), _) => (Gravity::Error, reason),
        (None, BudgetState::Over) => (Gravity::Error, format!("budget {name}: over its limit: {spent}")),
        (None, BudgetState::Warning) => (Gravity::Warning, format!("budget {name}: {spent}")),
        (None, _) => {
            let beyond = status.projected().filter(|projected| *projected > status.budget.limit);
            let Some(projected) = beyond else { return };
            let end = money_of(projected);
            (Gravity::Warning, format!("budget {name}: {spent}, on its way to ${end} ({PROJECTION_METHOD})"))
        }
    };
    match (args.annotate, gravity) {
        (Some(Annotate::Github), _) => eprintln!("{}", github(gravity, &format!("Budget {name}"), &text)),
        (None, Gravity::Error) if args.fail_over => eprintln!("claude-cli: gate: {text}"),
        (None, _) => context.note(&format!("warning: {text}")),
    }
}

fn money_of(nanos: i64) -> String {
    format_usd(nanos, 2, false)
}

fn report(found: &[BudgetStatus], context: &Context) -> Report {
    Report {
        columns: vec![
            words("budget", "Budget", false),
            words("period", "Period", true),
            words("since", "From", true),
            words("filter", "Of", true),
            number("spent_usd", "Spent", false),
            number("limit_usd", "Limit", false),
            number("share", "Share", false),
            number("projected_usd", "Projected", true),
            words("state", "State", false),
        ],
        rows: found.iter().map(|status| row(status, context)).collect(),
        totals: None,
        json: budgets_json(found),
        lines: found.iter().map(BudgetStatus::to_json).collect(),
    }
}

fn row(status: &BudgetStatus, context: &Context) -> Vec<Value> {
    let budget = &status.budget;
    let amount = |nanos| Value { shown: money(nanos), raw: format_usd(nanos, 0, true) };
    let none = || Value { shown: "–".to_owned(), raw: String::new() };
    vec![
        Value::text(&budget.name),
        Value::text(budget.period.name()),
        moment(status.since, context),
        Value::text(describe(&budget.filter)),
        if status.is_empty() {
            Value { shown: "no data".to_owned(), raw: String::new() }
        } else {
            cost(&status.sums, status.cost)
        },
        amount(budget.limit),
        status
            .share()
            .map_or_else(none, |share| Value { shown: format!("{:.1} %", share * 100.0), raw: share.to_string() }),
        status.projected().map_or_else(none, amount),
        Value::text(status.state().name()),
    ]
}
