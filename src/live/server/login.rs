//! How a browser, which cannot be told to send a header, shows the token once.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::{Refusal, routes::App};

/// The cookie that a browser keeps in place of the token.
const COOKIE: &str = "claude-cli";
/// How long it keeps it, in seconds: 30 days.
const KEPT: u32 = 30 * 86_400;

const FORM: &str = include_str!("login.html");

/// Whether a path is for those, too, who have not shown the token.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/login" | "/login.css")
}

/// The cookies of a request that may stand for the token.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The answer to who has not shown the token.
pub(super) fn required(page: bool) -> Response {
    let mut response = if page {
        (StatusCode::UNAUTHORIZED, Html(FORM)).into_response()
    } else {
        let how = "a token is needed: send `Authorization: Bearer TOKEN`, or log in at /login";
        Refusal::new(401, "unauthorized", how).into_response()
    };
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// `GET /login`: the form, or, with `?token=…`, what sending it does.
pub(super) async fn form(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    match shown(query.unwrap_or_default().as_bytes()) {
        Some(token) => enter(&app, &token),
        None => Html(FORM).into_response(),
    }
}

/// `POST /login`: the form, filled in.
pub(super) async fn submit(State(app): State<App>, body: Bytes) -> Response {
    enter(&app, &shown(&body).unwrap_or_default())
}

fn shown(form: &[u8]) -> Option<String> {
    form_urlencoded::parse(form).find(|(name, _)| name == "token").map(|(_, value)| value.trim().to_owned())
}

fn enter(app: &App, shown: &str) -> Response {
    let cookie = match &app.config().token {
        Some(token) if token.is(shown) => token.cookie(),
        Some(_) => {
            let again =
                FORM.replace("<!-- problem -->", "<p role=\"alert\">This is not the token. Try again.</p>");
            return (StatusCode::UNAUTHORIZED, Html(again)).into_response();
        }
        // Nothing is asked for.
        None => "",
    };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    let cookie = format!("{COOKIE}={cookie}; Path=/; Max-Age={KEPT}; HttpOnly; SameSite=Strict");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
