//! What reports share: the range they are about, and the ledger they read.

use claude_cli::{
    Result,
    analytics::TimeRange,
    store::{
        CostMode, Entry, FoundText, LedgerReader, RequestRow, RollupQuery, RollupRow, RowQuery, Run, RunQuery,
        SessionQuery, SessionRow, Simulated, Source, SqliteLedger,
    },
};
use jiff::Timestamp;

use crate::context::Context;

/// Options of every report over a range of time.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time; a date counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
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
        TimeRange::parse(self.since.as_deref(), self.until.as_deref(), now, context.tz.clone())
    }

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

impl Context {
    /// The ledger for a report. If there is none yet, an empty one, and a word
    /// on stderr.
    pub(crate) fn ledger_reader(&self) -> anyhow::Result<Box<dyn LedgerReader>> {
        let path = self.ledger_path()?;
        if let Some(ledger) = SqliteLedger::open_read_only(&path)? {
            return Ok(Box::new(ledger));
        }
        self.note(&format!("no ledger yet at {}: `claude-cli query` writes one", path.display()));
        Ok(Box::new(NoLedger))
    }
}

/// A ledger that is not there yet: nothing was recorded.
struct NoLedger;

impl LedgerReader for NoLedger {
    fn rollups(&self, _: &RollupQuery) -> Result<Vec<RollupRow>> {
        Ok(Vec::new())
    }

    fn requests(&self, _: &RowQuery, _: &mut dyn FnMut(RequestRow)) -> Result<()> {
        Ok(())
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

    fn sources(&self) -> Result<Vec<Source>> {
        Ok(Vec::new())
    }

    fn search(&self, _: &str, _: u32) -> Result<Vec<FoundText>> {
        Ok(Vec::new())
    }
}
