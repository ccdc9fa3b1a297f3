//! The questions whose answers are kept.

use std::fmt::Debug;

use jiff::tz::TimeZone;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Result,
    analytics::{
        BLOCK_MILLIS, Block, BlocksQuery, Dashboard, DashboardQuery, Group, GroupBy, Series, SessionsQuery,
        Summary, SummaryQuery, TimeSeries, TimeSeriesQuery, blocks, dashboard, sessions, summary, timeseries,
    },
    store::{Dimension, Filter, LedgerReader, SessionRow, Sums},
};

/// A question with an answer that depends on nothing but the question, as its
/// `Debug` text tells it, and the part of the ledger that it reads.
pub trait Question: Debug {
    /// What it is answered with.
    type Answer: Send + Sync + 'static;

    /// What is counted together.
    const KIND: &'static str;

    /// The requests that the answer is made from: from the first time (UTC
    /// milliseconds) until before the second one; `None` is an open end.
    fn days(&self) -> Days;

    /// The zone that the answer is in.
    fn zone(&self) -> &TimeZone;

    /// Reads the answer from a ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn answer(&self, reader: &dyn LedgerReader) -> Result<Self::Answer>;

    /// About how many bytes of memory an answer takes.
    fn weight(answer: &Self::Answer) -> usize;

    /// An answer as bytes.
    fn pack(answer: &Self::Answer) -> Option<Vec<u8>>;

    /// The answer that was packed; `None` if it is none.
    fn unpack(&self, packed: &[u8]) -> Option<Self::Answer>;

    /// Whether the ledger's sums do not tell the answer, so that it takes longer
    /// the more requests there are. Only such answers are worth a look on disk.
    fn is_costly(&self) -> bool;

    /// Whether its zone is told apart from others by its name. The rules of a
    /// zone without one may be anything.
    fn has_name(&self) -> bool {
        self.zone().iana_name().is_some() || self.zone().to_fixed_offset().is_ok()
    }
}

/// Whether no sums are kept by what is filtered and by what is told apart: they
/// are kept by one thing at a time. A request may have several tags.
fn reads_rows(filter: &Filter, by: Dimension) -> bool {
    match filter.dimension() {
        Some((filtered, _)) => by != Dimension::All && (filtered != by || by == Dimension::Tag),
        None => !filter.is_empty(),
    }
}

fn to_json(value: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok()
}

fn from_json<T: DeserializeOwned>(packed: &[u8]) -> Option<T> {
    serde_json::from_slice(packed).ok()
}

fn text(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

type Days = (Option<i64>, Option<i64>);

const ALL: Days = (None, None);

impl Question for SummaryQuery {
    type Answer = Summary;

    const KIND: &'static str = "summary";

    fn days(&self) -> Days {
        let (since, until) = (self.range.since, self.range.until);
        match self.by {
            // A session's cell holds all of its days.
            GroupBy::Session => ALL,
            // What went before decides where a block starts, and one may go on after the end.
            GroupBy::Block => (None, until.map(|until| until.saturating_add(BLOCK_MILLIS))),
            _ => (since, until),
        }
    }

    fn zone(&self) -> &TimeZone {
        &self.range.tz
    }

    fn is_costly(&self) -> bool {
        let dimension = self.by.dimension().unwrap_or(Dimension::All);
        self.by == GroupBy::Session || reads_rows(&self.filter, dimension)
    }

    fn answer(&self, reader: &dyn LedgerReader) -> Result<Summary> {
        summary(reader, self.clone())
    }

    fn weight(answer: &Summary) -> usize {
        let groups = answer.groups.iter();
        let models = answer.unpriced_models.iter().map(|model| size_of::<String>() + model.len());
        size_of::<Summary>()
            + groups.map(|group| size_of::<Group>() + group.key.len() + sums(&group.sums)).sum::<usize>()
            + models.sum::<usize>()
    }

    fn pack(answer: &Summary) -> Option<Vec<u8>> {
        to_json(&(&answer.totals, &answer.groups, &answer.unpriced_models))
    }

    fn unpack(&self, packed: &[u8]) -> Option<Summary> {
        let (totals, groups, unpriced_models) = from_json(packed)?;
        Some(Summary { query: self.clone(), totals, groups, unpriced_models })
    }
}

fn sums(sums: &Sums) -> usize {
    sums.durations.heap_bytes()
}

impl Question for TimeSeriesQuery {
    type Answer = TimeSeries;

    const KIND: &'static str = "timeseries";

    fn days(&self) -> Days {
        let since = if self.compare { self.previous().0.min(self.since) } else { self.since };
        (Some(since), Some(self.until))
    }

    fn zone(&self) -> &TimeZone {
        &self.tz
    }

    fn is_costly(&self) -> bool {
        reads_rows(&self.filter, Dimension::All)
    }

    fn answer(&self, reader: &dyn LedgerReader) -> Result<TimeSeries> {
        timeseries(reader, self.clone())
    }

    fn weight(answer: &TimeSeries) -> usize {
        const POINT: usize = size_of::<(i64, Option<f64>)>();
        let series = answer.series.iter().map(|series| {
            let average =
                series.moving_average.as_ref().map_or(0, |values| values.len() * size_of::<Option<f64>>());
            let anomalies = series.anomalies.as_ref().map_or(0, |at| at.len() * size_of::<usize>());
            let previous = series.previous.as_ref().map_or(0, |before| before.points.len() * POINT);
            size_of::<Series>() + series.points.len() * POINT + previous + average + anomalies
        });
        size_of::<TimeSeries>() + sums(&answer.totals) + series.sum::<usize>()
    }

    fn pack(answer: &TimeSeries) -> Option<Vec<u8>> {
        to_json(&(&answer.series, &answer.totals))
    }

    fn unpack(&self, packed: &[u8]) -> Option<TimeSeries> {
        let (series, totals) = from_json(packed)?;
        Some(TimeSeries { query: self.clone(), series, totals })
    }
}

impl Question for SessionsQuery {
    type Answer = Vec<SessionRow>;

    const KIND: &'static str = "sessions";

    fn days(&self) -> Days {
        ALL
    }

    fn zone(&self) -> &TimeZone {
        &self.range.tz
    }

    fn is_costly(&self) -> bool {
        !self.filter.is_empty()
    }

    fn answer(&self, reader: &dyn LedgerReader) -> Result<Vec<SessionRow>> {
        sessions(reader, self)
    }

    fn weight(answer: &Vec<SessionRow>) -> usize {
        let names = |row: &SessionRow| {
            row.session.len()
                + [&row.project, &row.branch, &row.model].map(|name| text(name.as_ref())).iter().sum::<usize>()
        };
        answer.iter().map(|row| size_of::<SessionRow>() + sums(&row.sums) + names(row)).sum()
    }

    fn pack(answer: &Vec<SessionRow>) -> Option<Vec<u8>> {
        to_json(answer)
    }

    fn unpack(&self, packed: &[u8]) -> Option<Vec<SessionRow>> {
        from_json(packed)
    }
}

impl Question for BlocksQuery {
    type Answer = Vec<Block>;

    const KIND: &'static str = "blocks";

    fn days(&self) -> Days {
        (None, self.range.until.map(|until| until.saturating_add(BLOCK_MILLIS)))
    }

    fn zone(&self) -> &TimeZone {
        &self.range.tz
    }

    fn is_costly(&self) -> bool {
        reads_rows(&self.filter, Dimension::All)
    }

    fn answer(&self, reader: &dyn LedgerReader) -> Result<Vec<Block>> {
        blocks(reader, self)
    }

    fn weight(answer: &Vec<Block>) -> usize {
        answer.iter().map(|block| size_of::<Block>() + sums(&block.sums)).sum()
    }

    fn pack(answer: &Vec<Block>) -> Option<Vec<u8>> {
        to_json(answer)
    }

    fn unpack(&self, packed: &[u8]) -> Option<Vec<Block>> {
        from_json(packed)
    }
}

impl Question for DashboardQuery {
    type Answer = Dashboard;

    const KIND: &'static str = "dashboard";

    /// Its sessions are told with all that they ever cost.
    fn days(&self) -> Days {
        ALL
    }

    fn zone(&self) -> &TimeZone {
        &self.range.tz
    }

    fn is_costly(&self) -> bool {
        false
    }

    fn answer(&self, reader: &dyn LedgerReader) -> Result<Dashboard> {
        dashboard(reader, self)
    }

    fn weight(answer: &Dashboard) -> usize {
        answer.heap_bytes()
    }

    fn pack(answer: &Dashboard) -> Option<Vec<u8>> {
        to_json(answer)
    }

    fn unpack(&self, packed: &[u8]) -> Option<Dashboard> {
        from_json(packed)
    }
}
