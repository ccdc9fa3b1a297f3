//! What is where.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Extension, RawQuery, State},
    http::{HeaderMap, Method, Uri},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::Semaphore;

use super::{
    MetricsText, Params, Refusal, ServerConfig, Views, api, assets::ASSETS, connection::Takeover,
    events::Watching, figures::ServerFigures, guard::guard, health, login, metrics, reading::Reading,
};
use crate::{Result, analytics::Engine, live::EventId};

/// Writes figures of others into `/metrics`.
pub(super) type WriteFigures = Box<dyn Fn(&mut MetricsText) + Send + Sync>;

/// What all routes share.
#[derive(Clone)]
pub(super) struct App {
    config: Arc<ServerConfig>,
    reading: Reading,
    views: Arc<dyn Views>,
    /// Places for clients of live states.
    places: Arc<Semaphore>,
    figures: Arc<ServerFigures>,
    more_figures: Arc<Vec<WriteFigures>>,
}

impl App {
    pub(super) fn new(config: Arc<ServerConfig>, engine: Engine, views: Arc<dyn Views>) -> Self {
        let places = Semaphore::new(config.limits.clients.min(Semaphore::MAX_PERMITS));
        Self {
            config,
            reading: Reading::new(engine),
            views,
            places: Arc::new(places),
            figures: Arc::default(),
            more_figures: Arc::default(),
        }
    }

    pub(super) fn config(&self) -> &ServerConfig {
        &self.config
    }

    pub(super) const fn reading(&self) -> &Reading {
        &self.reading
    }

    pub(super) fn views(&self) -> Arc<dyn Views> {
        Arc::clone(&self.views)
    }

    pub(super) fn figures(&self) -> Arc<ServerFigures> {
        Arc::clone(&self.figures)
    }

    pub(super) fn more_figures(&self) -> &[WriteFigures] {
        &self.more_figures
    }

    pub(super) fn add_figures(&mut self, write: WriteFigures) {
        // Nobody else has it before the server runs.
        if let Some(all) = Arc::get_mut(&mut self.more_figures) {
            all.push(write);
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

/// All routes, behind the guard.
pub(super) fn router(app: App, more: Router) -> Router {
    let mut routes = Router::new()
        .route("/healthz", get(health::health))
        .route("/login", get(login::form).post(login::submit))
        .route("/metrics", get(metrics::metrics))
        .route("/api/live", get(live));
    for asset in &ASSETS {
        routes = routes.route(asset.path, asset.route());
    }
    routes
        .merge(api::routes())
        .with_state(app.clone())
        .merge(more)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.config.limits.body))
        .layer(from_fn_with_state(app, guard))
}

async fn unknown(uri: Uri) -> Refusal {
    Refusal::new(
        404,
        "not_found",
        format!("there is nothing at {}: the page is at /, and data below /api/", uri.path()),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(405, "wrong_method", format!("{} does not take {method}", uri.path()))
}

/// `/api/live`: a stream of states. A client that comes back tells what it was
/// sent last by the header `Last-Event-ID`, or by `last_event_id`.
async fn live(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    takeover: Option<Extension<Takeover>>,
) -> Result<Response, Refusal> {
    let mut params = Params::of(&query.unwrap_or_default());
    let last = params.text("last-event-id")?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).or(last.as_deref());
    // An id of another server's life is none of ours: the client begins anew.
    let last = last.and_then(|id| id.parse::<EventId>().ok());
    let watched = app.views.subscribe(params, last)?;
    if method != Method::GET {
        return Ok([("content-type", "text/event-stream")].into_response());
    }
    let place = Arc::clone(&app.places)
        .try_acquire_owned()
        .map_err(|_| Refusal::busy("there are too many viewers: try again in a few seconds").retry_after(5))?;
    if let Some(Extension(takeover)) = takeover {
        takeover.to(Watching { watched, place }).await;
    }
    Err(Refusal::new(500, "internal", "this connection cannot be taken over"))
}
