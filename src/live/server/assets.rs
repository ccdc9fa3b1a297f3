//! Files that are part of the program.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use xxhash_rust::xxh3::xxh3_128;

use super::routes::App;

/// A file, and where it is found.
pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
    pub(super) body: &'static str,
}

/// A script of the page.
macro_rules! script {
    ($name:literal) => {
        Asset {
            path: concat!("/", $name),
            kind: "text/javascript; charset=utf-8",
            body: include_str!(concat!("../page/", $name)),
        }
    };
}

/// All of them.
pub(super) const ASSETS: [Asset; 10] = [
    Asset { path: "/", kind: "text/html; charset=utf-8", body: include_str!("../page/index.html") },
    Asset { path: "/page.css", kind: "text/css; charset=utf-8", body: include_str!("../page/page.css") },
    script!("page.js"),
    script!("connection.js"),
    script!("patch.js"),
    script!("charts.js"),
    script!("format.js"),
    script!("spend.js"),
    script!("tables.js"),
    Asset { path: "/login.css", kind: "text/css; charset=utf-8", body: include_str!("login.css") },
];

impl Asset {
    /// Its route. A browser asks each time whether there is a newer one, and is
    /// mostly told that there is none.
    pub(super) fn route(&'static self) -> MethodRouter<App> {
        let tag = format!("\"{:032x}\"", xxh3_128(self.body.as_bytes()));
        get(move |headers: HeaderMap| {
            let answer = self.answer(&headers, &tag);
            std::future::ready(answer)
        })
    }

    fn answer(&self, headers: &HeaderMap, tag: &str) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let known =
            known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
        let mut response =
            if known { StatusCode::NOT_MODIFIED.into_response() } else { self.body.into_response() };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}
