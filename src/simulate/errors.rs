//! Refusals in the API's shape.

use axum::{
    Json,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::client::kind_of;

/// A refusal with the API's error type for its status.
pub(super) fn refuse(status: u16, message: &str, request_id: &str) -> Response {
    let body = json!({
        "type": "error",
        "error": { "type": kind_of(status), "message": message },
        "request_id": request_id,
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("request-id", id);
    }
    response
}

/// What the API says of a planned refusal.
pub(super) const fn message_of(status: u16) -> &'static str {
    match status {
        400 => "messages: the simulator was told to refuse this request",
        401 => "invalid x-api-key",
        403 => "the simulator was told to forbid this request",
        429 => "This request would exceed the rate limit",
        529 => "Overloaded",
        _ => "the simulator was told to fail this request",
    }
}
