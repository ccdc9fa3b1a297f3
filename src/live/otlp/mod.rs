//! What running `claude`s tell by OpenTelemetry (OTLP).
//!
//! `claude` sends an event per API request, with the final count of output
//! tokens and its cost, and one per failed attempt. Its request id is the one
//! that transcripts have, so each becomes a [`Witness`] of the request it tells
//! of. Other events are counted and left; so are metrics, which repeat what the
//! events say.

mod attributes;
mod event;

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
};
use prost::Message as _;

use self::{attributes::Attributes, event::Told};
use crate::store::Witness;

/// So many problems are told; the others are only counted.
const PROBLEMS: usize = 20;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// The encoding that a content type names, if it is one of OTLP's.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        match media.to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A body is not what it says it is.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// It is no Protobuf of the message asked for.
    #[error("no OTLP message in Protobuf: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// It is no JSON of the message asked for.
    #[error("no OTLP message in JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What a body of log events told.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Logs {
    /// Requests, and failed attempts at some.
    pub witnesses: Vec<Witness>,
    /// Events of other kinds, which were left.
    pub others: u64,
    /// Events of a request that lack something it cannot do without; they were
    /// left, too, and a sender is told how many.
    pub rejected: u64,
    /// What they lack, of the first 20.
    pub problems: Vec<String>,
}

/// Reads the body of a request to `/v1/logs`.
///
/// # Errors
/// If it is no such body.
pub fn read_logs(body: &[u8], encoding: Encoding) -> Result<Logs, OtlpError> {
    let request: ExportLogsServiceRequest = match encoding {
        Encoding::Protobuf => ExportLogsServiceRequest::decode(body)?,
        Encoding::Json => serde_json::from_slice(body)?,
    };
    let mut logs = Logs::default();
    for resource_logs in &request.resource_logs {
        let sender = resource_logs.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let sender = Attributes::of(sender);
        for record in resource_logs.scope_logs.iter().flat_map(|scope| &scope.log_records) {
            match event::read(record, &sender) {
                Told::Request(witness) => logs.witnesses.push(*witness),
                Told::Other => logs.others += 1,
                Told::Incomplete(problem) => {
                    logs.rejected += 1;
                    if logs.problems.len() < PROBLEMS {
                        logs.problems.push(problem);
                    }
                }
            }
        }
    }
    Ok(logs)
}

/// Reads the body of a request to `/v1/metrics`, and says how many data points
/// it has: nothing else is made of them.
///
/// # Errors
/// If it is no such body.
pub fn read_metrics(body: &[u8], encoding: Encoding) -> Result<u64, OtlpError> {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;

    let request: ExportMetricsServiceRequest = match encoding {
        Encoding::Protobuf => ExportMetricsServiceRequest::decode(body)?,
        Encoding::Json => serde_json::from_slice(body)?,
    };
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let points = scopes.flat_map(|scope| &scope.metrics).map(|metric| match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    });
    Ok(points.sum::<usize>() as u64)
}
