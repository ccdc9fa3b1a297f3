//! `google.rpc.Status`, by which OTLP says why a request failed.

use std::time::Duration;

use prost::Message;

use super::Refused;

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The numbers of `google.rpc.Code`.
pub(super) mod code {
    pub(crate) const INVALID_ARGUMENT: i32 = 3;
    pub(crate) const DEADLINE_EXCEEDED: i32 = 4;
    pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(crate) const UNAVAILABLE: i32 = 14;
}

impl Status {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    /// When it is worth another try.
    fn retry_after(mut self, after: Duration) -> Self {
        let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
        // Below a billion.
        let nanos = after.subsec_nanos() as i32;
        let info = RetryInfo { retry_delay: Some(Delay { seconds, nanos }) };
        self.details.push(Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: info.encode_to_vec(),
        });
        self
    }
}

impl From<&Refused> for Status {
    fn from(refused: &Refused) -> Self {
        let code = match refused {
            Refused::Unreadable(_) | Refused::Broken(_) => code::INVALID_ARGUMENT,
            // Not RESOURCE_EXHAUSTED, by which OTLP means that a retry may help.
            Refused::TooLarge(_) => code::INVALID_ARGUMENT,
            Refused::Slow(_) => code::DEADLINE_EXCEEDED,
            Refused::Full => code::RESOURCE_EXHAUSTED,
            Refused::Unavailable(_) => code::UNAVAILABLE,
        };
        let status = Self::new(code, refused.to_string());
        match refused.retry_after() {
            Some(after) => status.retry_after(after),
            None => status,
        }
    }
}
