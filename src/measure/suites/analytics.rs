//! Reports over made-up requests.

use jiff::{Timestamp, tz::TimeZone};

use super::{Case, Place, Work};
use crate::{
    Error, Result,
    analytics::{
        BlocksQuery, Bucket, DashboardQuery, GroupBy, Metric, Question, SummaryQuery, TimeRange, TimeSeriesQuery,
    },
    simulate::Requests,
    store::{Filter, Simulated, SqliteLedger},
};

pub(super) const CASES: [Case; 4] = [
    Case::new("dashboard", "a dashboard of 7 days", dashboard),
    Case::new("summary", "a summary by model", summary),
    Case::new("timeseries", "four series of 30 days by the hour", timeseries),
    Case::new("blocks", "5-hour blocks of 30 days", blocks),
];

/// When the made-up requests end: what is asked looks back from here.
const NOW: i64 = 1_793_491_200_000;
const REQUESTS: u64 = 5_000;
const DAYS: u32 = 30;
const DAY: i64 = 86_400_000;

fn ledger(place: &Place) -> Result<SqliteLedger> {
    let path = place.folder()?.join("analytics.db");
    if !path.exists() {
        SqliteLedger::open(&path)?.fill(Requests::before(NOW, REQUESTS, DAYS).witnesses())?;
    }
    SqliteLedger::open_read_only(&path)?.ok_or_else(|| Error::Invalid("the ledger is gone".to_owned()))
}

/// How much an answer says: the requests it tells of.
fn asked<Q: Question + 'static>(place: &Place, question: Q, size: fn(&Q::Answer) -> u64) -> Result<Work> {
    let ledger = ledger(place)?;
    Ok(Box::new(move |times| {
        let mut sum = 0;
        for _ in 0..times {
            sum += size(&question.answer(&ledger)?);
        }
        Ok(sum)
    }))
}

fn now() -> Result<Timestamp> {
    Timestamp::from_millisecond(NOW).map_err(|e| Error::Invalid(e.to_string()))
}

fn range() -> Result<TimeRange> {
    TimeRange::parse(Some("30d"), None, now()?, TimeZone::UTC)
}

fn dashboard(place: &Place) -> Result<Work> {
    asked(place, DashboardQuery::new(now()?, TimeZone::UTC), |answer| answer.models.len() as u64)
}

fn summary(place: &Place) -> Result<Work> {
    asked(place, SummaryQuery::new(range()?, GroupBy::Model), |answer| answer.groups.len() as u64)
}

fn timeseries(place: &Place) -> Result<Work> {
    let metrics = vec![Metric::Cost, Metric::Commands, Metric::SuccessRate, Metric::ResponseTime];
    let span = (NOW - i64::from(DAYS) * DAY, NOW);
    asked(place, TimeSeriesQuery::new(span, TimeZone::UTC, Bucket::HOUR, metrics), |answer| {
        answer.series.iter().map(|series| series.points.len() as u64).sum()
    })
}

fn blocks(place: &Place) -> Result<Work> {
    let query = BlocksQuery { range: range()?, filter: Filter::default(), simulated: Simulated::default() };
    asked(place, query, |answer| answer.len() as u64)
}
