//! What reports share: the range they are about, and the ledger they read.

use std::sync::Arc;

use clap_complete::ArgValueCandidates;
use claude_cli::{
    Result,
    analytics::{CacheConfig, DashboardCache, Question, TimeRange, dollars, iso},
    cache::{DEFAULT_CACHE_BYTES, DiskCache},
    pricing::format_usd,
    store::{
        Alert, Budget, CostMode, Entry, Filter, FoundText, LedgerReader, RequestRow, RollupQuery, RollupRow,
        RowQuery, Run, RunQuery, SessionQuery, SessionRow, Simulated, Source, Span, SqliteLedger, Sums,
        size_on_disk,
    },
};
use jiff::Timestamp;
use tracing::trace_span;

use crate::{
    asked,
    candidates::{agents, branches, hosts, models_seen, projects, sessions, tags, users},
    context::{Context, cache_folder},
    import,
    output::{Column, Value, money, thousands},
};

/// Options of every report over a range of time.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time; a date counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    count: CountArgs,
}

/// What counts, and as how much.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CountArgs {
    /// Count what the simulated backend did, too
    #[arg(long)]
    include_simulated: bool,
    /// Which cost counts
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    cost_mode: Cost,
}

/// Which cost of a request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Cost {
    /// What the source reported, else what the price table says
    #[default]
    Auto,
    /// What the price table says
    Calculate,
    /// What the source reported
    Display,
}

impl ReportArgs {
    pub(crate) fn range(&self, now: Timestamp, context: &Context) -> Result<TimeRange> {
        self.range_from(None, now, context)
    }

    /// The range that begins at `since`, unless the user says when it begins or
    /// ends.
    pub(crate) fn range_from(&self, since: Option<&str>, now: Timestamp, context: &Context) -> Result<TimeRange> {
        let since = self.since.as_deref().or(since.filter(|_| self.until.is_none()));
        TimeRange::parse(since, self.until.as_deref(), now, context.tz.clone())
    }

    /// The range as it was asked for, if it was: `SINCE..UNTIL`.
    pub(crate) fn range_text(&self) -> Option<String> {
        let text = |end: &Option<String>| end.clone().unwrap_or_default();
        let asked = self.since.is_some() || self.until.is_some();
        asked.then(|| format!("{}..{}", text(&self.since), text(&self.until)))
    }

    pub(crate) const fn simulated(&self) -> Simulated {
        self.count.simulated()
    }

    pub(crate) const fn cost(&self) -> CostMode {
        self.count.cost()
    }
}

impl CountArgs {
    pub(crate) const fn simulated(&self) -> Simulated {
        if self.include_simulated { Simulated::Include } else { Simulated::Exclude }
    }

    pub(crate) const fn cost(&self) -> CostMode {
        match self.cost_mode {
            Cost::Auto => CostMode::Auto,
            Cost::Calculate => CostMode::Calculate,
            Cost::Display => CostMode::Display,
        }
    }
}

/// Which requests count. Values are compared whole; an empty one stands for
/// what is unknown.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Only requests to this model
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(models_seen))]
    model: Option<String>,
    /// Only requests from this working directory
    #[arg(long, value_name = "FOLDER", add = ArgValueCandidates::new(projects))]
    project: Option<String>,
    /// Only requests on this git branch
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(branches))]
    branch: Option<String>,
    /// Only requests of this session
    #[arg(long, value_name = "ID", add = ArgValueCandidates::new(sessions))]
    session: Option<String>,
    /// Only requests of the main agent, or only of subagents: main or subagent
    #[arg(long, value_name = "KIND", add = ArgValueCandidates::new(agents))]
    agent: Option<String>,
    /// Only requests of this user
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(users))]
    user: Option<String>,
    /// Only requests from this host
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(hosts))]
    host: Option<String>,
    /// Only requests with this tag
    #[arg(long, value_name = "KEY=VALUE", add = ArgValueCandidates::new(tags))]
    tag: Option<String>,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        filter.model.clone_from(&self.model);
        filter.project.clone_from(&self.project);
        filter.branch.clone_from(&self.branch);
        filter.session.clone_from(&self.session);
        filter.agent.clone_from(&self.agent);
        filter.user.clone_from(&self.user);
        filter.host.clone_from(&self.host);
        filter.tag.clone_from(&self.tag);
        filter
    }
}

/// A column of text.
pub(crate) const fn words(name: &'static str, title: &'static str, optional: bool) -> Column {
    Column { name, title, right: false, optional }
}

/// A column of numbers.
pub(crate) const fn number(name: &'static str, title: &'static str, optional: bool) -> Column {
    Column { name, title, right: true, optional }
}

/// Dollars that were worked out.
pub(crate) fn usd(amount: Option<f64>) -> Value {
    amount.map_or_else(
        || Value { shown: "unknown".to_owned(), raw: String::new() },
        |usd| Value { shown: money((usd * 1e9).round() as i64), raw: usd.to_string() },
    )
}

/// A moment in the zone of the report.
pub(crate) fn moment(ts: i64, context: &Context) -> Value {
    let shown = Timestamp::from_millisecond(ts).map_or_else(
        |_| ts.to_string(),
        |at| at.to_zoned_datetime(context.tz.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
    );
    Value { shown, raw: iso(ts) }
}

/// A length of time for people: minutes, or hours and minutes.
pub(crate) fn span(ms: i64) -> String {
    let minutes = ms / 60_000;
    if minutes < 60 { format!("{minutes}m") } else { format!("{}h {:02}m", minutes / 60, minutes % 60) }
}

/// The known cost, and how many requests it leaves out.
pub(crate) fn cost(sums: &Sums, mode: CostMode) -> Value {
    let unpriced = sums.unpriced.get(mode);
    let nanos = sums.cost.get(mode);
    if dollars(sums, mode).is_none() {
        return Value { shown: "unknown".to_owned(), raw: String::new() };
    }
    let mut shown = money(nanos);
    if unpriced > 0 {
        shown.push_str(&format!(" + {} unknown", thousands(unpriced)));
    }
    Value { shown, raw: format_usd(nanos, 0, true) }
}

/// Reports of smaller ledgers are computed in less time than it takes to look
/// for them on disk; and so are those that come from sums, of any ledger.
const LEAST_CACHED: u64 = 16 << 20;

impl Context {
    /// Answers a question, with all that is new in the transcripts; from the
    /// cache if that knows the answer and the ledger is large.
    pub(crate) fn ask<Q: Question>(&self, question: &Q) -> anyhow::Result<Q::Answer> {
        let reader = self.ledger_reader()?;
        let _span = trace_span!("answer").entered();
        let worth_it = self.caches() && question.is_costly() && size_on_disk(&self.ledger_path()?) >= LEAST_CACHED;
        // Without a folder for it, there is no cache.
        let Some(disk) = self.disk_cache().ok().filter(|_| worth_it).map(Arc::new) else {
            return Ok(question.answer(&*reader)?);
        };
        let cache = DashboardCache::new(CacheConfig::default()).with_disk(Arc::clone(&disk));
        let answer = cache.ask(&*reader, question)?;
        drop(cache);
        if !asked::is_unasked() && !self.is_measured() {
            asked::note(self);
        }
        if let Some(warning) = disk.take_warning() {
            self.note(&warning);
        }
        match Arc::try_unwrap(answer) {
            Ok(answer) => Ok(answer),
            // Nobody else holds it any more; if someone did, the ledger would be asked again.
            Err(_) => Ok(question.answer(&*reader)?),
        }
    }

    /// The cache on disk.
    pub(crate) fn disk_cache(&self) -> anyhow::Result<DiskCache> {
        Ok(DiskCache::open(&cache_folder()?.join("cache.db"), DEFAULT_CACHE_BYTES))
    }

    /// The ledger for a report, with all that is new in the transcripts. If
    /// there is none yet, an empty one, and a word on stderr.
    pub(crate) fn ledger_reader(&self) -> anyhow::Result<Box<dyn LedgerReader>> {
        if self.imports() {
            trace_span!("import what is new").in_scope(|| import::before_report(self))?;
        }
        let _span = trace_span!("open").entered();
        let path = self.ledger_path()?;
        if let Some(ledger) = SqliteLedger::open_read_only(&path)? {
            return Ok(Box::new(ledger));
        }
        self.note(&format!("no ledger yet at {}: `claude-cli query` writes one", path.display()));
        Ok(Box::new(NoLedger))
    }
}

/// A ledger that is not there yet: nothing was recorded.
pub(crate) struct NoLedger;

impl LedgerReader for NoLedger {
    fn generation_of(&self, _: Option<i64>, _: Option<i64>) -> Result<i64> {
        Ok(0)
    }

    fn rollups(&self, _: &RollupQuery) -> Result<Vec<RollupRow>> {
        Ok(Vec::new())
    }

    fn spans(&self, _: &RollupQuery) -> Result<Vec<Span>> {
        Ok(Vec::new())
    }

    fn requests(&self, _: &RowQuery, _: &mut dyn FnMut(RequestRow)) -> Result<()> {
        Ok(())
    }

    fn recent_errors(&self, _: &RowQuery, _: u32) -> Result<Vec<RequestRow>> {
        Ok(Vec::new())
    }

    fn runs(&self, _: &RunQuery) -> Result<Vec<Run>> {
        Ok(Vec::new())
    }

    fn sessions(&self, _: &SessionQuery) -> Result<Vec<SessionRow>> {
        Ok(Vec::new())
    }

    fn export(&self, _: &RowQuery, _: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        Ok(())
    }

    fn pruned_before(&self) -> Result<Option<i64>> {
        Ok(None)
    }

    fn sources(&self) -> Result<Vec<Source>> {
        Ok(Vec::new())
    }

    fn search(&self, _: &str, _: u32) -> Result<Vec<FoundText>> {
        Ok(Vec::new())
    }

    fn budgets(&self) -> Result<Vec<Budget>> {
        Ok(Vec::new())
    }

    fn alerts(&self, _: Option<u32>) -> Result<Vec<Alert>> {
        Ok(Vec::new())
    }
}
