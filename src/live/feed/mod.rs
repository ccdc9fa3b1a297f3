//! From the ledger to those who watch it.
//!
//! A [`Feed`] follows what any process commits to a ledger, computes what each
//! [`View`] shows from the same analytics as reports, and publishes it to a
//! [`Hub`](super::Hub) a view. Budgets that are crossed go ahead of it as
//! alerts, and are recorded. It looks at the ledger only while someone watches.

mod alerts;
mod config;
mod follow;
mod read;
mod state;
mod view;
mod views;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{Timestamp, tz::TimeZone};

pub use self::{
    config::{FeedConfig, OptimizedDashboardFactory},
    state::{
        LIVE_SCHEMA, LiveAlert, LiveBlock, LiveBudget, LiveGroup, LivePeriod, LiveRange, LiveRequest, LiveSeries,
        LiveSession, LiveSpend, LiveState,
    },
    view::View,
    views::{Presence, Viewer},
};
use self::{
    follow::{Clock, Follower},
    views::Views,
};
use super::{EventId, HubConfig, HubFigures};
use crate::{
    Error, Result,
    analytics::{CacheConfig, DashboardCache, Engine},
    store::SqliteLedger,
};

/// Shows a ledger live; see [the module](super).
///
/// Clones share it; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    views: Arc<Views>,
    config: FeedConfig,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    computed: Arc<AtomicU64>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.views.close();
    }
}

/// Why a view cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// As many views are watched as may be.
    #[error(
        "{most} different views are watched already, and no more may be: choose one of the same range and zone as others, or try again later"
    )]
    TooManyViews {
        /// How many may be.
        most: usize,
    },
    /// The range cannot be shown.
    #[error(transparent)]
    View(#[from] Error),
    /// The feed is closed.
    #[error("the server stops")]
    Closed,
}

impl Feed {
    /// Follows the ledger at `path`, which is created if there is none. In
    /// `zone` begin the days, weeks and months of budgets whose alerts are
    /// recorded.
    ///
    /// # Errors
    /// [`Error::Store`] if the ledger cannot be opened; [`Error::Io`] if no thread
    /// can be started.
    pub fn open(path: &Path, zone: TimeZone, config: FeedConfig, hub: HubConfig) -> Result<Self> {
        Self::with_clock(path, zone, config, hub, || Timestamp::now().as_millisecond())
    }

    /// A feed for which it is as late as `clock` says, in UTC milliseconds.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with_clock(
        path: &Path,
        zone: TimeZone,
        config: FeedConfig,
        hub: HubConfig,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self> {
        if !path.exists() {
            SqliteLedger::open(path)?;
        }
        let cache_config =
            CacheConfig { max_memory_mb: config.cache_mb, enable_cache_warming: false, ..CacheConfig::default() };
        let views = Arc::new(Views::new(hub, config.views, config.keep_idle));
        let (clock, computed) = (Arc::new(clock), Arc::new(AtomicU64::new(0)));
        let follower = Follower {
            path: path.to_owned(),
            engine: Engine::open(path)?,
            cache: DashboardCache::new(cache_config),
            config: config.clone(),
            zone,
            clock: {
                let clock = Arc::clone(&clock);
                let clock: Clock = Box::new(move || clock());
                clock
            },
            views: Arc::clone(&views),
            computed: Arc::clone(&computed),
        };
        std::thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || follower.follow())
            .map_err(|e| Error::io("cannot start a thread that follows the ledger", e))?;
        Ok(Self { inner: Arc::new(Inner { views, config, clock, computed }) })
    }

    /// Watches a view. Whoever was there before and tells what it was sent last
    /// goes on from there, if that was not long ago.
    ///
    /// # Errors
    /// [`FeedError`] if it cannot be watched.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn subscribe(&self, view: &View, last: Option<EventId>) -> Result<Viewer, FeedError> {
        view.window((self.inner.clock)())?.cut(None, self.inner.config.points)?;
        self.inner.views.subscribe(view, last)
    }

    /// Closes all viewers, and lets no more come.
    pub fn close(&self) {
        self.inner.views.close();
    }

    /// How many states were computed.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.inner.computed.load(Ordering::Relaxed)
    }

    /// The views there are, and what their hubs did.
    #[must_use]
    pub fn figures(&self) -> Vec<(View, HubFigures)> {
        self.inner.views.figures()
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("config", &self.inner.config).finish_non_exhaustive()
    }
}
