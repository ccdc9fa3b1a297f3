//! Answers as JSON that scripts may rely on.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{ANOMALY_METHOD, Figures, Series, Summary, TimeSeries, zone_name};
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

/// The fields that totals and groups share, as scripts get them.
#[must_use]
pub fn figures(sums: &Sums, mode: CostMode) -> Map<String, Value> {
    match serde_json::to_value(Figures::of(sums, mode)) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
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
            "range": { "since": since.map(iso), "until": until.map(iso), "tz": zone_name(&range.tz) },
            "group_by": self.query.by.name(),
            "totals": totals,
            "groups": groups,
        })
    }
}

/// Points as pairs of time and value; unknown values are null.
fn pairs(points: &[(i64, Option<f64>)]) -> Vec<Value> {
    points.iter().map(|(start, value)| json!([iso(*start), value])).collect()
}

impl Series {
    /// The series in its published form; what was not asked for is left out.
    fn to_json(&self, width: Option<usize>) -> Value {
        let mut fields = Map::new();
        fields.insert("metric".to_owned(), json!(self.metric.name()));
        fields.insert("unit".to_owned(), json!(self.metric.unit()));
        fields.insert("points".to_owned(), json!(pairs(&self.points)));
        fields.insert("total".to_owned(), json!(self.total));
        if let Some(previous) = &self.previous {
            let previous = json!({
                "since": iso(previous.since),
                "until": iso(previous.until),
                "points": pairs(&previous.points),
                "total": previous.total,
                "change": self.change(),
            });
            fields.insert("previous".to_owned(), previous);
        }
        if let Some(averages) = &self.moving_average {
            let points: Vec<(i64, Option<f64>)> =
                self.points.iter().zip(averages).map(|(point, average)| (point.0, *average)).collect();
            let average = json!({ "buckets": width, "points": pairs(&points) });
            fields.insert("moving_average".to_owned(), average);
        }
        if let Some(anomalies) = &self.anomalies {
            let times: Vec<String> =
                anomalies.iter().filter_map(|&at| self.points.get(at)).map(|point| iso(point.0)).collect();
            fields.insert("anomalies".to_owned(), json!({ "method": ANOMALY_METHOD, "at": times }));
        }
        Value::Object(fields)
    }
}

impl TimeSeries {
    /// The series in their published form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let query = &self.query;
        let series: Vec<Value> = self.series.iter().map(|series| series.to_json(query.moving_average)).collect();
        json!({
            "schema": TIMESERIES_SCHEMA,
            "range": { "since": iso(query.since), "until": iso(query.until), "tz": zone_name(&query.tz) },
            "bucket": query.bucket.to_string(),
            "series": series,
        })
    }
}
