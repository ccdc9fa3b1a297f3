//! `claude-cli analytics budget …`: what may be spent, and whether it was.

mod annotate;
mod check;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use claude_cli::{
    Error,
    analytics::{BUDGETS_SCHEMA, budget_fields},
    pricing::format_usd,
    store::{Budget, Filter, Ledger, Period, SqliteLedger},
};
use serde_json::{Value as Json, json};

use super::summary::usd;
use crate::{
    context::Context,
    output::{Report, Value, money},
    report::{FilterArgs, number, words},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set what may be spent per day, week or month
    Set(Set),
    /// List the budgets
    List,
    /// Remove a budget; its alerts stay listed
    Remove {
        /// Its name
        name: String,
    },
    /// Show how budgets stand in their current period, and fail if one is crossed
    Check(check::Args),
}

/// Set what may be spent per day, week or month, by all requests or by those
/// that the filters let through. A budget of the same name is replaced.
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// Its name
    name: String,
    /// What may be spent in a period
    #[arg(long, value_name = "USD", value_parser = usd)]
    limit: i64,
    /// The period, in the zone it is checked in; weeks start on Monday
    #[arg(long, value_name = "day|week|month", default_value = "month", value_parser = period())]
    period: Period,
    /// Warn at this share of the limit
    #[arg(long, value_name = "PERCENT", default_value = "80%", value_parser = percent)]
    warn: u8,
    #[command(flatten)]
    filter: FilterArgs,
}

fn period() -> impl clap::builder::TypedValueParser<Value = Period> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(["day", "week", "month"]).try_map(|name| name.parse::<Period>())
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.trim().trim_end_matches('%').trim_end().parse().ok();
    number.filter(|n| (1..=100).contains(n)).ok_or_else(|| "a share from 1% to 100%".to_owned())
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Set(args) => set(args, context)?,
            Self::List => list(context)?,
            Self::Remove { name } => {
                let path = context.ledger_path()?;
                if !path.exists() || !SqliteLedger::open(&path)?.remove_budget(&name)? {
                    bail!(unknown(&name));
                }
                context.note(&format!("budget {name} removed"));
            }
            Self::Check(args) => return check::run(&args, context),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn unknown(name: &str) -> Error {
    Error::Invalid(format!(
        "there is no budget `{name}`; `claude-cli analytics budget list` shows those there are"
    ))
}

fn set(args: Set, context: &Context) -> anyhow::Result<()> {
    if args.name.trim().is_empty() || args.name.chars().any(char::is_control) {
        bail!(Error::Invalid("a budget needs a name of printable characters".to_owned()));
    }
    let mut budget = Budget::default();
    budget.name = args.name;
    budget.limit = args.limit;
    budget.period = args.period;
    budget.warn_percent = args.warn;
    budget.filter = args.filter.filter();
    SqliteLedger::open(&context.ledger_path()?)?.set_budget(&budget)?;
    let limit = format_usd(budget.limit, 2, true);
    context.note(&format!("budget {}: ${limit} a {}", budget.name, budget.period.name()));
    Ok(())
}

fn list(context: &Context) -> anyhow::Result<()> {
    let budgets = context.ledger_reader()?.budgets()?;
    let lines: Vec<Json> = budgets.iter().map(|budget| Json::Object(budget_fields(budget))).collect();
    let rows = budgets.iter().map(|budget| {
        vec![
            Value::text(&budget.name),
            Value::text(budget.period.name()),
            Value { shown: money(budget.limit), raw: format_usd(budget.limit, 0, true) },
            Value { shown: format!("{} %", budget.warn_percent), raw: budget.warn_percent.to_string() },
            Value::text(describe(&budget.filter)),
        ]
    });
    let report = Report {
        columns: vec![
            words("budget", "Budget", false),
            words("period", "Period", false),
            number("limit_usd", "Limit", false),
            number("warn_percent", "Warns at", true),
            words("filter", "Of", false),
        ],
        rows: rows.collect(),
        totals: None,
        json: json!({ "schema": BUDGETS_SCHEMA, "budgets": lines }),
        lines,
    };
    report.write(context.format(), context.width())
}

/// A filter in words: `all`, or such as `model=… tag=team=a`.
fn describe(filter: &Filter) -> String {
    let fields = json!(filter);
    let words: Vec<String> = fields
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    if words.is_empty() { "all".to_owned() } else { words.join(" ") }
}
