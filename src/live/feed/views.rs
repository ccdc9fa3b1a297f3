//! The views that are looked at, and who looks at them.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::AbortHandle;

use super::{FeedError, state::LiveState, view::View};
use crate::live::{Client, EventId, Frame, Hub, HubConfig, HubFigures};

/// The views of a feed.
#[derive(Debug)]
pub(super) struct Views {
    board: Mutex<Board>,
    /// There is something to do for the one who follows the ledger.
    wake: Condvar,
    hub_config: HubConfig,
    most: usize,
    keep_idle: Duration,
}

#[derive(Debug, Default)]
struct Board {
    open: HashMap<View, Open>,
    closing: bool,
    /// Someone came: there is a view to compute at once.
    urgent: bool,
}

/// A view that is looked at, or was a moment ago.
#[derive(Debug)]
struct Open {
    hub: Hub,
    viewers: usize,
    /// When the last viewer left.
    left: Instant,
    /// The last state that was published.
    latest: Option<Arc<LiveState>>,
    /// The moment that it was last computed for.
    computed: Option<Moment>,
    deadlines: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.deadlines.abort();
    }
}

/// What a state is computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Numbers of commits are of a connection.
    pub(super) connection: u64,
    /// The number of the last commit.
    pub(super) generation: i64,
    /// The minute, UTC milliseconds.
    pub(super) now: i64,
}

/// A view that someone looks at, and what it shows.
pub(super) struct Watched {
    pub(super) view: View,
    pub(super) latest: Option<Arc<LiveState>>,
    pub(super) computed: Option<Moment>,
}

impl Views {
    pub(super) fn new(hub_config: HubConfig, most: usize, keep_idle: Duration) -> Self {
        Self { board: Mutex::default(), wake: Condvar::new(), hub_config, most, keep_idle }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // A panic elsewhere leaves the board as it was.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        let mut board = self.board();
        board.closing = true;
        for open in board.open.values() {
            open.hub.close();
        }
        drop(board);
        self.wake.notify_all();
    }

    pub(super) fn subscribe(self: &Arc<Self>, view: &View, last: Option<EventId>) -> Result<Viewer, FeedError> {
        let mut board = self.board();
        if board.closing {
            return Err(FeedError::Closed);
        }
        if !board.open.contains_key(view) {
            self.make_room(&mut board)?;
            let hub = Hub::new(self.hub_config.clone());
            let deadlines = {
                let hub = hub.clone();
                tokio::spawn(async move { hub.enforce_deadlines().await }).abort_handle()
            };
            let open = Open { hub, viewers: 0, left: Instant::now(), latest: None, computed: None, deadlines };
            board.open.insert(view.clone(), open);
        }
        board.urgent = true;
        let client = match board.open.get_mut(view) {
            Some(open) => {
                open.viewers += 1;
                open.hub.subscribe(last)
            }
            None => return Err(FeedError::Closed),
        };
        drop(board);
        self.wake.notify_all();
        Ok(Viewer { client, presence: Presence { view: view.clone(), views: Arc::clone(self) } })
    }

    /// Lets go the view that nobody has looked at for the longest time, if there
    /// are as many as there may be.
    fn make_room(&self, board: &mut Board) -> Result<(), FeedError> {
        if board.open.len() < self.most {
            return Ok(());
        }
        let idle = board.open.iter().filter(|(_, open)| open.viewers == 0).min_by_key(|(_, open)| open.left);
        let oldest = idle.map(|(view, _)| view.clone()).ok_or(FeedError::TooManyViews { most: self.most })?;
        board.open.remove(&oldest);
        Ok(())
    }

    fn leave(&self, view: &View) {
        if let Some(open) = self.board().open.get_mut(view) {
            open.viewers = open.viewers.saturating_sub(1);
            open.left = Instant::now();
        }
        self.wake.notify_all();
    }

    /// Waits for `pause`, or until someone comes; as long as nobody looks at
    /// anything, for longer. Says whether to go on.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut board = self.board();
        loop {
            board.open.retain(|_, open| open.viewers > 0 || open.left.elapsed() < self.keep_idle);
            if board.closing {
                return false;
            }
            let watched = board.open.values().any(|open| open.viewers > 0);
            if watched && std::mem::take(&mut board.urgent) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            let wait = match (watched, board.open.is_empty()) {
                (true, _) if left.is_zero() => return true,
                (true, _) => Some(left),
                (false, false) => Some(self.keep_idle.max(Duration::from_millis(10))),
                (false, true) => None,
            };
            board = match wait {
                Some(wait) => self.wake.wait_timeout(board, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(board).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The views that someone looks at.
    pub(super) fn watched(&self) -> Vec<Watched> {
        let board = self.board();
        let watched = board.open.iter().filter(|(_, open)| open.viewers > 0);
        watched
            .map(|(view, open)| Watched {
                view: view.clone(),
                latest: open.latest.clone(),
                computed: open.computed,
            })
            .collect()
    }

    /// Tells all views of an alert.
    pub(super) fn alert(&self, alert: &impl serde::Serialize) {
        for open in self.board().open.values() {
            if let Err(e) = open.hub.alert(alert) {
                tracing::warn!("an alert could not be sent: {e}");
            }
        }
    }

    /// Publishes what a view shows from a moment on; `None` if that is what it
    /// showed before.
    pub(super) fn publish(&self, view: &View, state: Option<LiveState>, computed: Option<Moment>) {
        let mut board = self.board();
        let Some(open) = board.open.get_mut(view) else { return };
        open.computed = computed;
        let Some(state) = state else { return };
        match open.hub.publish(&state) {
            Ok(_) => open.latest = Some(Arc::new(state)),
            Err(e) => tracing::warn!("a state could not be sent: {e}"),
        }
    }

    pub(super) fn figures(&self) -> Vec<(View, HubFigures)> {
        let board = self.board();
        let mut figures: Vec<_> =
            board.open.iter().map(|(view, open)| (view.clone(), open.hub.figures())).collect();
        drop(board);
        figures.sort_by_key(|(view, _)| view.to_string());
        figures
    }
}

/// One who looks at a view. It is left when this is dropped.
#[derive(Debug)]
pub struct Viewer {
    client: Client,
    presence: Presence,
}

/// Keeps a view alive; it is left when this is dropped.
#[derive(Debug)]
pub struct Presence {
    view: View,
    views: Arc<Views>,
}

impl Viewer {
    /// The next frame; see [`Client::next`].
    pub async fn next(&mut self) -> Option<Frame> {
        self.client.next().await
    }

    /// What is looked at.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.presence.view
    }

    /// The client of the view's hub, and what is to be held for as long as it is
    /// there.
    #[must_use]
    pub fn into_parts(self) -> (Client, Presence) {
        (self.client, self.presence)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.views.leave(&self.view);
    }
}
