//! What a shell may complete values with: what is known here of models,
//! sessions, tags and templates. Whatever goes wrong, there are none.

use std::{collections::BTreeSet, path::PathBuf};

use clap_complete::CompletionCandidate;
use claude_cli::{
    pricing::PriceTable,
    store::{Dimension, LedgerReader, Level, RollupQuery, Run, RunQuery, Simulated, SqliteLedger},
};

use crate::{
    config::ConfigFile,
    context::{config_folder, data_folder, variable},
    prompt::template_names,
};

/// So many of the latest runs are looked at.
const RUNS: u32 = 200;
/// So many of the latest days are looked at.
const DAYS: i64 = 90;

fn candidates(values: impl IntoIterator<Item = impl Into<std::ffi::OsString>>) -> Vec<CompletionCandidate> {
    values.into_iter().map(CompletionCandidate::new).collect()
}

fn config() -> ConfigFile {
    ConfigFile::load(&[]).unwrap_or_default()
}

pub(crate) fn models() -> Vec<CompletionCandidate> {
    let config = config();
    let prices = config_folder().ok().and_then(|folder| PriceTable::load(&folder).ok());
    let prices = prices.as_ref().unwrap_or_else(|| PriceTable::embedded());
    let mut names: BTreeSet<&str> = prices.models().map(|(name, _)| name).collect();
    names.extend(prices.aliases().map(|(alias, _)| alias));
    names.extend(config.aliases().map(|(alias, _)| alias));
    candidates(names)
}

pub(crate) fn templates() -> Vec<CompletionCandidate> {
    candidates(config_folder().map(|folder| template_names(&folder)).unwrap_or_default())
}

fn ledger() -> Option<SqliteLedger> {
    let named = variable("CLAUDE_CLI_DB").map(PathBuf::from);
    let path = named.or_else(|| Some(data_folder().ok()?.join("ledger.db")))?;
    SqliteLedger::open_read_only(&path).ok().flatten()
}

fn runs() -> Vec<Run> {
    let mut query = RunQuery::default();
    query.limit = Some(RUNS);
    query.simulated = Simulated::Include;
    ledger().and_then(|ledger| ledger.runs(&query).ok()).unwrap_or_default()
}

pub(crate) fn sessions() -> Vec<CompletionCandidate> {
    let mut seen = BTreeSet::new();
    // The latest first, each with what it ran on, and where.
    runs()
        .into_iter()
        .filter_map(|run| Some((run.session?, run.model.unwrap_or_default(), run.project.unwrap_or_default())))
        .filter(|(session, ..)| seen.insert(session.clone()))
        .map(|(session, model, project)| {
            CompletionCandidate::new(session).help(Some(format!("{model} {project}").into()))
        })
        .collect()
}

pub(crate) fn tags() -> Vec<CompletionCandidate> {
    candidates(runs().into_iter().flat_map(|run| run.tags).collect::<BTreeSet<_>>())
}

/// The values of a dimension that had requests lately.
fn seen(dimension: Dimension) -> Vec<CompletionCandidate> {
    let now = jiff::Timestamp::now().as_millisecond();
    let query = RollupQuery {
        level: Level::Day,
        dimension,
        since: now - DAYS * Level::Day.millis(),
        until: i64::MAX,
        key: None,
        simulated: Simulated::Include,
    };
    let cells = ledger().and_then(|ledger| ledger.rollups(&query).ok()).unwrap_or_default();
    let values: BTreeSet<String> = cells.into_iter().map(|cell| cell.key).filter(|key| !key.is_empty()).collect();
    candidates(values)
}

pub(crate) fn models_seen() -> Vec<CompletionCandidate> {
    seen(Dimension::Model)
}

pub(crate) fn projects() -> Vec<CompletionCandidate> {
    seen(Dimension::Project)
}

pub(crate) fn branches() -> Vec<CompletionCandidate> {
    seen(Dimension::Branch)
}

pub(crate) fn agents() -> Vec<CompletionCandidate> {
    candidates(["main", "subagent"])
}

pub(crate) fn users() -> Vec<CompletionCandidate> {
    seen(Dimension::User)
}

pub(crate) fn hosts() -> Vec<CompletionCandidate> {
    seen(Dimension::Host)
}
