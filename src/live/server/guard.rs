//! What every request has to get past, and what every answer is marked with.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use tracing::{Instrument as _, trace_span};

use super::{Refusal, Token, login, names, routes::App};

/// What the page may do: nothing but what this server gives it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const MARKS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Lets a request through to its route, within its time, if it is allowed to.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let checked = trace_span!("guard").in_scope(|| check(&app, &request));
    let mut response = match checked {
        Ok(()) => match timeout(app.config().limits.request_time, answer(request, next)).await {
            Ok(response) => response,
            Err(_) => Refusal::busy("the request took too long: ask for less, or ask again later").into_response(),
        },
        Err(refused) => *refused,
    };
    app.figures().answered(response.status().as_u16());
    let headers = response.headers_mut();
    for (name, value) in MARKS {
        headers.entry(name).or_insert(value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn answer(request: Request, next: Next) -> Response {
    next.run(request).instrument(trace_span!("answer")).await
}

fn check(app: &App, request: &Request) -> Result<(), Box<Response>> {
    let path = request.uri().path();
    if path == "/healthz" {
        return Ok(());
    }
    let config = app.config();
    let headers = request.headers();
    let refused = |refusal: Refusal| Box::new(refusal.into_response());
    let authority = request.uri().authority().map(axum::http::uri::Authority::as_str);
    names::check_host(headers, authority, &config.hosts).map_err(refused)?;
    names::check_origin(headers).map_err(refused)?;
    if length(headers).is_some_and(|length| length > config.limits.body as u64) {
        let most = config.limits.body;
        return Err(refused(Refusal::new(
            413,
            "too_large",
            format!("a request has at most {most} bytes: send less"),
        )));
    }
    match &config.token {
        Some(token) if !login::is_open(path) && !is_known(headers, token) => {
            let page = path == "/" && matches!(*request.method(), Method::GET | Method::HEAD);
            Err(Box::new(login::required(page)))
        }
        _ => Ok(()),
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a request shows the token, or what a browser keeps in its place.
fn is_known(headers: &HeaderMap, token: &Token) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some((scheme, shown)) = shown.and_then(|shown| shown.split_once(' ')) {
        return scheme.eq_ignore_ascii_case("bearer") && token.is(shown.trim());
    }
    login::cookies(headers).any(|cookie| token.is_cookie(cookie))
}
