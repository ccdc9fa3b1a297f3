//! `/healthz`: whether questions can be answered.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse, response::Response};
use serde_json::json;
use tokio::time::timeout;

use super::{Refusal, routes::App};

/// A ledger that cannot be read within this time cannot be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// 200 if the ledger can be read, and 503 with the reason if not. It tells
/// nothing else, and asks for no token.
pub(super) async fn health(State(app): State<App>) -> Response {
    let reading = app.reading().read(|reader| reader.generation_of(None, None));
    let problem = match timeout(PATIENCE, reading).await {
        Ok(Ok(_)) => return (StatusCode::OK, Json(json!({ "status": "ok" }))).into_response(),
        Ok(Err(refusal)) => refusal.message,
        Err(_) => format!("the ledger could not be read within {} s", PATIENCE.as_secs()),
    };
    Refusal::new(503, "unhealthy", problem).retry_after(5).into_response()
}
