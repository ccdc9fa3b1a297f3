//! OTLP over HTTP: `/v1/logs`, `/v1/metrics` and `/v1/traces`.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message as _;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{
    Encoding, Received, Receiver, Refused,
    body::{self, Room},
    status::{Status, code},
};

/// The routes of a receiver, relative to where `OTEL_EXPORTER_OTLP_ENDPOINT`
/// points.
///
/// Answers are as OTLP wants them: in the encoding of the request, 200 once all
/// is committed, with a partial success where records were rejected; 429 and 503
/// with `Retry-After` where it is to come again; else 400, 408, 413 or 415.
/// Traces are taken and left: a sender that cannot be told to send none would
/// otherwise complain for nothing.
pub fn routes(receiver: Receiver) -> Router {
    Router::new()
        .route("/v1/logs", post(logs))
        .route("/v1/metrics", post(metrics))
        .route("/v1/traces", post(traces))
        .with_state(receiver)
}

async fn logs(State(receiver): State<Receiver>, request: Request) -> Response {
    let encoding = match encoding(request.headers()) {
        Ok(encoding) => encoding,
        Err(unsupported) => return *unsupported,
    };
    let taken = async {
        let (body, room) = whole(&receiver, request).await?;
        receiver.logs_in(body, encoding, room).await
    };
    match receiver.counted(taken).await {
        Ok(received) => accepted(encoding, &received),
        Err(refused) => refusal(encoding, &refused),
    }
}

async fn metrics(State(receiver): State<Receiver>, request: Request) -> Response {
    let encoding = match encoding(request.headers()) {
        Ok(encoding) => encoding,
        Err(unsupported) => return *unsupported,
    };
    let taken = async {
        let (body, _room) = whole(&receiver, request).await?;
        receiver.metrics_in(body, encoding).await
    };
    match receiver.counted(taken).await {
        Ok(()) => accepted(encoding, &Received::default()),
        Err(refused) => refusal(encoding, &refused),
    }
}

async fn traces(State(receiver): State<Receiver>, request: Request) -> Response {
    let encoding = match encoding(request.headers()) {
        Ok(encoding) => encoding,
        Err(unsupported) => return *unsupported,
    };
    let config = receiver.config();
    // Read to its end, so that the connection can be used again.
    match body::read(request.into_body(), config.body, config.body_time, &mut receiver.room()).await {
        Ok(_) => {
            receiver.traces();
            accepted(encoding, &Received::default())
        }
        Err(refused) => refusal(encoding, &refused),
    }
}

/// The encoding of a body that can be taken in, or the answer to one that cannot.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Box<Response>> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let unsupported = |encoding, message: String| {
        let status = Status::new(code::INVALID_ARGUMENT, message);
        let mut response = answer(encoding, StatusCode::UNSUPPORTED_MEDIA_TYPE, &status);
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        Box::new(response)
    };
    let said = text(header::CONTENT_TYPE).unwrap_or_default();
    let Some(encoding) = Encoding::of(said) else {
        let message =
            format!("the content type is `{said}`; application/x-protobuf and application/json are read");
        return Err(unsupported(Encoding::Json, message));
    };
    match text(header::CONTENT_ENCODING).unwrap_or_default() {
        "" | "identity" | "gzip" => Ok(encoding),
        other => Err(unsupported(encoding, format!("the content encoding is `{other}`; gzip is read, and none"))),
    }
}

/// The whole body, decompressed, and its room.
async fn whole(receiver: &Receiver, request: Request) -> Result<(axum::body::Bytes, Room), Refused> {
    let config = receiver.config();
    let mut room = receiver.room();
    let gzipped = request.headers().get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > config.body) {
        return Err(Refused::TooLarge(config.body));
    }
    let body = body::read(request.into_body(), config.body, config.body_time, &mut room).await?;
    if !gzipped {
        return Ok((body, room));
    }
    let limit = config.body;
    let decompressed = spawn_blocking(move || Ok((body::gunzip(&body, limit, &mut room)?, room))).await;
    decompressed.map_err(|e| Refused::Unavailable(e.to_string().into()))?
}

fn accepted(encoding: Encoding, received: &Received) -> Response {
    let body = match encoding {
        Encoding::Protobuf => protobuf(received),
        Encoding::Json => match problem(received) {
            // Proto3 has 64-bit numbers as texts.
            Some(error_message) => json!({ "partialSuccess": {
                "rejectedLogRecords": received.rejected.to_string(), "errorMessage": error_message } }),
            None => json!({}),
        }
        .to_string()
        .into_bytes(),
    };
    ([(header::CONTENT_TYPE, encoding.name())], body).into_response()
}

/// An answer in Protobuf. That of a service for anything but logs is empty, and
/// so alike.
pub(super) fn protobuf(received: &Received) -> Vec<u8> {
    let partial_success = problem(received).map(|error_message| ExportLogsPartialSuccess {
        rejected_log_records: i64::try_from(received.rejected).unwrap_or(i64::MAX),
        error_message,
    });
    ExportLogsServiceResponse { partial_success }.encode_to_vec()
}

fn problem(received: &Received) -> Option<String> {
    (received.rejected > 0).then(|| received.problems.join("; "))
}

fn refusal(encoding: Encoding, refused: &Refused) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(encoding, status, &Status::from(refused));
    if let Some(after) = refused.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
    }
    response
}

fn answer(encoding: Encoding, status: StatusCode, said: &Status) -> Response {
    let body = match encoding {
        Encoding::Protobuf => said.encode_to_vec(),
        Encoding::Json => json!({ "code": said.code, "message": said.message }).to_string().into_bytes(),
    };
    (status, [(header::CONTENT_TYPE, encoding.name())], body).into_response()
}
