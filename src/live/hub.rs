//! The hub: one writer, many clients.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    client::Client,
    config::HubConfig,
    figures::{Figures, HubFigures, add},
    frame::{CloseReason, EventId},
    seat::Seat,
    state::Timeline,
};

/// Shows one state, live, to many clients; see [the module](super).
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: HubConfig,
    /// Tells this hub's ids from those of one before it.
    pub(super) life: u64,
    board: Mutex<Board>,
    pub(super) figures: Figures,
}

#[derive(Debug)]
pub(super) struct Board {
    pub(super) timeline: Timeline,
    seats: HashMap<u64, Arc<Seat>>,
    next_seat: u64,
}

impl Shared {
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        // A panic elsewhere leaves the board as it was.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn leave(&self, seat: u64) {
        self.board().seats.remove(&seat);
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new(HubConfig::default())
    }
}

impl Hub {
    /// A hub without a state and without clients.
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        let timeline = Timeline::new(config.history, Instant::now());
        let board = Board { timeline, seats: HashMap::new(), next_seat: 0 };
        let life = fastrand::u64(1..);
        Self { shared: Arc::new(Shared { config, life, board: Mutex::new(board), figures: Figures::new() }) }
    }

    /// Publishes a state, unless it is the same as the one before, and says
    /// whether it did.
    ///
    /// # Errors
    /// If it cannot be serialised as JSON.
    pub fn publish(&self, state: &impl Serialize) -> Result<bool, serde_json::Error> {
        let value = serde_json::to_value(state)?;
        let text = serde_json::to_vec(&value)?;
        let board = &mut *self.shared.board();
        if board.timeline.publish(value, text, Instant::now()).is_none() {
            return Ok(false);
        }
        add(&self.shared.figures.published, 1);
        for seat in board.seats.values() {
            seat.wake.notify_one();
        }
        Ok(true)
    }

    /// Sends an alert to every client, before any state.
    ///
    /// # Errors
    /// If it cannot be serialised as JSON.
    pub fn alert(&self, alert: &impl Serialize) -> Result<(), serde_json::Error> {
        let text = serde_json::to_vec(alert)?;
        let board = &mut *self.shared.board();
        let alert = board.timeline.alert(text, Instant::now());
        for seat in board.seats.values() {
            let waiting = seat.alert(&alert, &self.shared.config);
            self.shared.figures.waiting(waiting);
            if waiting > self.shared.config.alert_buffer {
                add(&self.shared.figures.closed, 1);
            }
        }
        Ok(())
    }

    /// A new client. If it was there before and tells what it was sent last, it
    /// goes on from there. Where that is no longer known, it begins anew with
    /// the whole state, in which alerts should be told, too.
    #[must_use]
    pub fn subscribe(&self, last: Option<EventId>) -> Client {
        let seat = Arc::new(Seat::new(Instant::now()));
        let mut board = self.shared.board();
        {
            let mut lanes = seat.lanes();
            lanes.alert_sent = board.timeline.last_alert();
            if let Some(last) = last.filter(|last| last.life == self.shared.life)
                && let Some(missed) = board.timeline.alerts_after(last.alert)
                && lanes.put_missed(missed, &self.shared.config)
            {
                lanes.base = board.timeline.snapshot(last.state);
                lanes.state_sent = lanes.base.as_ref().map_or(0, |base| base.number);
                lanes.alert_sent = last.alert;
            }
        }
        let number = board.next_seat;
        board.next_seat += 1;
        board.seats.insert(number, seat.clone());
        drop(board);
        Client::new(self.shared.clone(), seat, number)
    }

    /// What it did so far.
    #[must_use]
    pub fn figures(&self) -> HubFigures {
        let subscribers = self.shared.board().seats.len();
        self.shared.figures.read(subscribers, self.shared.config.alert_buffer)
    }

    /// Closes all clients.
    pub fn close(&self) {
        for seat in self.shared.board().seats.values() {
            seat.close(CloseReason::HubClosed);
        }
    }

    /// Looks after clients that stand still, for as long as the hub is there:
    /// to be run as a task of its own.
    pub async fn enforce_deadlines(&self) {
        let config = &self.shared.config;
        let often = config.resync_after.min(config.close_after) / 4;
        let mut ticks = interval(often.max(Duration::from_millis(10)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shared = Arc::downgrade(&self.shared);
        loop {
            ticks.tick().await;
            let Some(shared) = Weak::upgrade(&shared) else { return };
            let now = Instant::now();
            for seat in shared.board().seats.values() {
                look_after(seat, &shared, now);
            }
        }
    }
}

/// Takes the base from a client that stands still, and closes one that stays so.
fn look_after(seat: &Seat, shared: &Shared, now: Instant) {
    let mut lanes = seat.lanes();
    if lanes.reason.is_some() {
        return;
    }
    let still = lanes.stands_still(now);
    if still >= shared.config.close_after {
        drop(lanes);
        seat.close(CloseReason::Stalled);
        add(&shared.figures.closed, 1);
    } else if still >= shared.config.resync_after {
        lanes.base = None;
    }
}
