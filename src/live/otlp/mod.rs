//! What running `claude`s tell by OpenTelemetry (OTLP).
//!
//! `claude` sends an event per API request, with the final count of output
//! tokens and its cost, and one per failed attempt. Its request id is the one
//! that transcripts have, so each becomes a [`Witness`] of the request it tells
//! of. Other events are counted and left; so are metrics, which repeat what the
//! events say, and traces.
//!
//! A [`Receiver`] takes bodies from any number of senders and answers each once
//! what it told is in the ledger; [`routes`] is how they come over HTTP, and with
//! the feature `grpc` there is a server for that, too.

mod attributes;
mod body;
mod commits;
mod event;
mod figures;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod json;
mod receiver;
mod records;
mod status;
mod wire;

#[cfg(feature = "grpc")]
pub use self::grpc::GrpcServer;
pub use self::{
    figures::ReceiverFigures,
    http::routes,
    receiver::{Received, Receiver, ReceiverConfig, Refused},
    wire::Damaged,
};

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
        [Self::Protobuf, Self::Json].into_iter().find(|encoding| encoding.name().eq_ignore_ascii_case(media))
    }

    /// The content type that names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A body is not what it says it is.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// It is no Protobuf of the message asked for.
    #[error("no OTLP message in Protobuf: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// It is no Protobuf at all.
    #[error("no OTLP message in Protobuf: {0}")]
    Wire(#[from] Damaged),
    /// It is no JSON of the message asked for.
    #[error("no OTLP message in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Who sent it is told at greater length than anybody would.
    #[error("the attributes of a resource have more than {} bytes", records::LONGEST)]
    Resource,
}

/// What a body of log events told.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Logs {
    /// Requests, and failed attempts at some.
    pub witnesses: Vec<Witness>,
    /// Events of other kinds, which were left.
    pub others: u64,
    /// Events that cannot be read, or are of a request and lack something it
    /// cannot do without; they were left, too, and a sender is told how many.
    pub rejected: u64,
    /// Which they are and what they lack, of the first 20.
    pub problems: Vec<String>,
}

/// Reads the body of a request to `/v1/logs`.
///
/// # Errors
/// If it is no such body.
pub fn read_logs(body: &[u8], encoding: Encoding) -> Result<Logs, OtlpError> {
    let mut logs = Logs::default();
    let mut place = 0_u64;
    records::each(body, encoding, |record, sender| {
        place += 1;
        let told = match record {
            Ok(record) => event::read(&record, &Attributes::of(sender)),
            Err(problem) => Told::Incomplete(format!("no log record: {problem}")),
        };
        match told {
            Told::Request(witness) => logs.witnesses.push(*witness),
            Told::Other => logs.others += 1,
            Told::Incomplete(problem) => {
                logs.rejected += 1;
                if logs.problems.len() < PROBLEMS {
                    logs.problems.push(format!("record {place}: {problem}"));
                }
            }
        }
    })?;
    Ok(logs)
}

/// Reads the body of a request to `/v1/metrics`, and says how many data points
/// it has: nothing else is made of them.
///
/// # Errors
/// If it is no such body.
pub fn read_metrics(body: &[u8], encoding: Encoding) -> Result<u64, OtlpError> {
    records::count_points(body, encoding)
}
