//! Answers that say no, and what to do.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::Error;

/// Why a request is not answered: a status, a word for programs, and a sentence
/// for people that says what to do.
///
/// As a response it is `{"error":{"type":…,"message":…}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal with a status from 400 to 599; any other counts as 500.
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).ok().filter(|s| s.is_client_error() || s.is_server_error());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, kind, message: message.into(), retry_after: None }
    }

    /// After so many seconds it is worth another try.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(503, "busy", message).retry_after(1)
    }
}

impl From<Error> for Refusal {
    /// What was asked wrongly is 400; that the ledger cannot be read is 503.
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(message) => Self::new(400, "bad_request", message),
            Error::Store { .. } => Self::new(503, "ledger", error.to_string()).retry_after(5),
            other => Self::new(500, "internal", other.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "type": self.kind, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
