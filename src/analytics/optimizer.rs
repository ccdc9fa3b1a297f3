//! Several series over the same buckets, in one pass.

use jiff::{Timestamp, tz::TimeZone};

use super::{Bucket, Engine, Metric, TimeSeries, TimeSeriesQuery};
use crate::{Error, Result};

/// What a series of a [`TimeSeriesOptimizer`] shows.
pub type TimeSeriesType = Metric;

/// Computes series together: the ledger's sums are read once for all of them.
#[derive(Clone, Debug)]
pub struct TimeSeriesOptimizer {
    engine: Engine,
    bucket: Bucket,
    tz: TimeZone,
}

impl TimeSeriesOptimizer {
    /// Series from what `engine` answers, by hours of UTC.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine, bucket: Bucket::HOUR, tz: TimeZone::UTC }
    }

    /// Buckets of another length than an hour.
    #[must_use]
    pub const fn with_bucket(mut self, bucket: Bucket) -> Self {
        self.bucket = bucket;
        self
    }

    /// Buckets of another zone than UTC.
    #[must_use]
    pub fn with_zone(mut self, tz: TimeZone) -> Self {
        self.tz = tz;
        self
    }

    /// All series from `start` until `end`, which is exclusive. The ledger is
    /// read on a thread for blocking work, so that others go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the range is empty or has too many buckets; else if
    /// the ledger cannot be read.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn generate_optimized_time_series(
        &self,
        start: Timestamp,
        end: Timestamp,
        types: Vec<TimeSeriesType>,
    ) -> Result<TimeSeries> {
        let (since, until) = (start.as_millisecond(), end.as_millisecond());
        if since >= until {
            return Err(Error::Invalid(format!("the range is empty: {start} is not before {end}")));
        }
        let query = TimeSeriesQuery::new((since, until), self.tz.clone(), self.bucket, types);
        let engine = self.engine.clone();
        tokio::task::spawn_blocking(move || engine.timeseries(query))
            .await
            .map_err(|e| Error::Invalid(format!("the series were not computed: {e}")))?
    }
}
