//! The records of a body, read one at a time.

use opentelemetry_proto::tonic::{common::v1::KeyValue, logs::v1::LogRecord, resource::v1::Resource};
use prost::Message as _;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{Encoding, OtlpError, json, wire::Fields};

/// A longer record is not read: what `claude` sends of a request has hundreds of
/// bytes, and a record takes a multiple of its bytes in memory.
pub(super) const LONGEST: usize = 1 << 20;

/// A record, or why it cannot be read.
pub(super) type Read = Result<LogRecord, String>;

/// Calls `each` with every log record of a body and the attributes of its sender.
pub(super) fn each(
    body: &[u8],
    encoding: Encoding,
    mut each: impl FnMut(Read, &[KeyValue]),
) -> Result<(), OtlpError> {
    match encoding {
        Encoding::Protobuf => Fields::of(body).each(1, |sent| {
            let mut sender = Resource::default();
            Fields::of(sent).each::<OtlpError>(1, |resource| {
                sender = Resource::decode(checked(resource).map_err(|_| OtlpError::Resource)?)?;
                Ok(())
            })?;
            Fields::of(sent).each(2, |scope| {
                Fields::of(scope).each(2, |record| {
                    let read =
                        checked(record).and_then(|bytes| LogRecord::decode(bytes).map_err(|e| e.to_string()));
                    each(read, &sender.attributes);
                    Ok(())
                })
            })
        }),
        Encoding::Json => {
            let body: Logs<'_> = serde_json::from_slice(body)?;
            all(body.resource_logs, |sent: ResourceLogs<'_>| {
                let sender: Resource = match sent.resource {
                    Some(resource) => serde_json::from_str(resource.get())?,
                    None => Resource::default(),
                };
                all(sent.scope_logs, |scope: ScopeLogs<'_>| {
                    all(scope.log_records, |record: &RawValue| {
                        let read = checked(record.get().as_bytes())
                            .and_then(|bytes| serde_json::from_slice(bytes).map_err(|e| e.to_string()));
                        each(read, &sender.attributes);
                        Ok(())
                    })
                })
            })?;
            Ok(())
        }
    }
}

fn checked(record: &[u8]) -> Result<&[u8], String> {
    if record.len() > LONGEST {
        return Err(format!("it has {} bytes, and more than {LONGEST} are not read", record.len()));
    }
    Ok(record)
}

/// The data points of a body of metrics.
pub(super) fn count_points(body: &[u8], encoding: Encoding) -> Result<u64, OtlpError> {
    let mut points = 0;
    match encoding {
        Encoding::Protobuf => {
            const KINDS: [u64; 5] = [5, 7, 9, 10, 11];
            Fields::of(body).each(1, |sent| {
                Fields::of(sent).each(2, |scope| {
                    Fields::of(scope).each::<OtlpError>(2, |metric| {
                        for field in Fields::of(metric) {
                            let (kind, data) = field?;
                            if KINDS.contains(&kind) {
                                Fields::of(data).each::<OtlpError>(1, |_| {
                                    points += 1;
                                    Ok(())
                                })?;
                            }
                        }
                        Ok(())
                    })
                })
            })?;
        }
        Encoding::Json => {
            let body: Metrics<'_> = serde_json::from_slice(body)?;
            all(body.resource_metrics, |sent: ResourceMetrics<'_>| {
                all(sent.scope_metrics, |scope: ScopeMetrics<'_>| {
                    all(scope.metrics, |metric: Metric| {
                        points += metric.points();
                        Ok(())
                    })
                })
            })?;
        }
    }
    Ok(points)
}

fn all<'a, T: Deserialize<'a>>(
    array: Option<&'a RawValue>,
    each: impl FnMut(T) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    array.map_or(Ok(()), |array| json::each(array, each))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logs<'a> {
    #[serde(borrow)]
    resource_logs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope_logs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(borrow)]
    log_records: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    #[serde(borrow)]
    resource_metrics: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceMetrics<'a> {
    #[serde(borrow)]
    scope_metrics: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeMetrics<'a> {
    #[serde(borrow)]
    metrics: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    gauge: Option<Points>,
    sum: Option<Points>,
    histogram: Option<Points>,
    exponential_histogram: Option<Points>,
    summary: Option<Points>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Points {
    /// Of no size: only their number is kept.
    data_points: Option<Vec<IgnoredAny>>,
}

impl Metric {
    fn points(&self) -> u64 {
        let kinds = [&self.gauge, &self.sum, &self.histogram, &self.exponential_histogram, &self.summary];
        kinds.into_iter().flatten().flat_map(|points| &points.data_points).map(|points| points.len() as u64).sum()
    }
}
