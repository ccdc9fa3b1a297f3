//! Answers as JSON that scripts may rely on.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{Summary, TimeSeries};
use crate::store::{CostMode, Sums};

/// The `schema` of a summary.
pub const SUMMARY_SCHEMA: &str = "claude-cli/summary@1";
/// The `schema` of time series.
pub const TIMESERIES_SCHEMA: &str = "claude-cli/timeseries@1";

/// UTC milliseconds as RFC 3339.
#[must_use]
pub fn iso(ts: i64) -> String {
    Timestamp::from_millisecond(ts).map_or_else(|_| ts.to_string(), |at| at.to_string())
}

/// The known cost in dollars; `None` if there are billed requests, and the
/// cost of none of them is known.
#[must_use]
pub fn dollars(sums: &Sums, mode: CostMode) -> Option<f64> {
    let nanos = sums.cost.get(mode);
    (nanos != 0 || sums.unpriced.get(mode) == 0).then(|| nanos as f64 / 1e9)
}

/// The fields that totals and groups share.
#[must_use]
pub fn figures(sums: &Sums, mode: CostMode) -> Map<String, Value> {
    let quantile = |q| sums.durations.quantile(q).map(|ms: f64| (ms * 10.0).round() / 10.0);
    let fields = json!({
        "requests": sums.requests,
        "errors": sums.errors,
        "success_rate": sums.success_rate(),
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cache_read_tokens": sums.cache_read_tokens,
        "cache_write_5m_tokens": sums.cache_write_5m_tokens,
        "cache_write_1h_tokens": sums.cache_write_1h_tokens,
        "total_tokens": sums.total_tokens(),
        "web_searches": sums.web_searches,
        "cost_usd": dollars(sums, mode),
        "unpriced_requests": sums.unpriced.get(mode),
        "duration_ms": { "p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99) },
        "first": sums.first.map(iso),
        "last": sums.last.map(iso),
    });
    match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn zone(tz: &TimeZone) -> String {
    if let Some(name) = tz.iana_name() {
        return name.to_owned();
    }
    tz.to_fixed_offset().map_or_else(|_| "local".to_owned(), |offset| offset.to_string())
}

impl Summary {
    /// The summary in its published form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mode = self.query.cost;
        let mut totals = figures(&self.totals, mode);
        totals.insert("unpriced_models".to_owned(), json!(self.unpriced_models));
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|group| {
                let mut fields = Map::new();
                fields.insert("key".to_owned(), json!(group.key));
                fields.extend(figures(&group.sums, mode));
                Value::Object(fields)
            })
            .collect();
        let range = &self.query.range;
        // An open end is where the requests begin or end.
        let since = range.since.or(self.totals.first);
        let until = range.until.or(self.totals.last.map(|last| last + 1));
        json!({
            "schema": SUMMARY_SCHEMA,
            "range": { "since": since.map(iso), "until": until.map(iso), "tz": zone(&range.tz) },
            "group_by": self.query.by.name(),
            "totals": totals,
            "groups": groups,
        })
    }
}

impl TimeSeries {
    /// The series in their published form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let query = &self.query;
        let series: Vec<Value> = self
            .series
            .iter()
            .map(|series| {
                let points: Vec<Value> =
                    series.points.iter().map(|(start, value)| json!([iso(*start), value])).collect();
                json!({ "metric": series.metric.name(), "unit": series.metric.unit(), "points": points })
            })
            .collect();
        json!({
            "schema": TIMESERIES_SCHEMA,
            "range": { "since": iso(query.since), "until": iso(query.until), "tz": zone(&query.tz) },
            "bucket": query.bucket.to_string(),
            "series": series,
        })
    }
}
