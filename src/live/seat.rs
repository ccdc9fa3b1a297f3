//! What a hub knows of one client.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    config::HubConfig,
    frame::CloseReason,
    state::{Alert, Snapshot},
};

/// One client's place at the hub. The hub fills it, the client empties it.
#[derive(Debug)]
pub(super) struct Seat {
    lanes: Mutex<Lanes>,
    /// Something is there for the client.
    pub(super) wake: Notify,
    /// The client is closed: whoever holds its socket is told.
    pub(super) closed: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) alerts: VecDeque<Arc<Alert>>,
    alert_bytes: usize,
    /// The state that the client was sent last.
    pub(super) base: Option<Arc<Snapshot>>,
    /// Its number, and that of the last alert.
    pub(super) state_sent: u64,
    pub(super) alert_sent: u64,
    /// When the last frame was handed over, until the client asks for more.
    handed: Option<Instant>,
    /// Whether that frame was a state.
    handed_state: bool,
    /// How long the client takes for a frame: a moving average.
    drain: Duration,
    /// When the next state may be sent.
    pub(super) due: Instant,
    /// When it would be sent if states came at the client's very rate.
    turn: Instant,
    pub(super) reason: Option<CloseReason>,
}

impl Seat {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            lanes: Mutex::new(Lanes {
                alerts: VecDeque::new(),
                alert_bytes: 0,
                base: None,
                state_sent: 0,
                alert_sent: 0,
                handed: None,
                handed_state: false,
                drain: Duration::ZERO,
                due: now,
                turn: now,
                reason: None,
            }),
            wake: Notify::new(),
            closed: CancellationToken::new(),
        }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // A panic elsewhere leaves the lanes as they were.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an alert into its lane, and says how many bytes of alerts wait then;
    /// more than fit close the client.
    pub(super) fn alert(&self, alert: &Arc<Alert>, config: &HubConfig) -> usize {
        let waiting = {
            let mut lanes = self.lanes();
            if lanes.reason.is_some() {
                return 0;
            }
            lanes.alert_bytes += alert.body.len();
            lanes.alerts.push_back(alert.clone());
            lanes.alert_bytes
        };
        if waiting > config.alert_buffer {
            self.close(CloseReason::TooManyAlerts);
        }
        self.wake.notify_one();
        waiting
    }

    pub(super) fn close(&self, reason: CloseReason) {
        {
            let mut lanes = self.lanes();
            lanes.reason.get_or_insert(reason);
            lanes.base = None;
            lanes.alerts = VecDeque::new();
            lanes.alert_bytes = 0;
        }
        self.closed.cancel();
        self.wake.notify_one();
    }
}

impl Lanes {
    /// Puts what a client missed into its lane, if there is room for it.
    pub(super) fn put_missed(&mut self, alerts: Vec<Arc<Alert>>, config: &HubConfig) -> bool {
        let bytes: usize = alerts.iter().map(|alert| alert.body.len()).sum();
        let fits = bytes <= config.alert_buffer;
        if fits {
            self.alerts = alerts.into();
            self.alert_bytes = bytes;
        }
        fits
    }

    pub(super) fn take_alert(&mut self) -> Option<Arc<Alert>> {
        let alert = self.alerts.pop_front()?;
        self.alert_bytes -= alert.body.len();
        self.alert_sent = alert.number;
        Some(alert)
    }

    /// The client asks for more: what it was handed is drained.
    pub(super) fn asked(&mut self, now: Instant, config: &HubConfig) {
        let Some(handed) = self.handed.take() else { return };
        // An alert delays no state.
        if !std::mem::take(&mut self.handed_state) {
            return;
        }
        self.drain = (self.drain * 3 + (now - handed)) / 4;
        // Half of its time at most goes into states.
        let interval = (2 * self.drain).min(config.slowest_interval).max(config.update_interval);
        self.turn = self.turn.max(handed) + interval;
        // Two may follow each other closely. So where states come no faster than a
        // client may be sent them, each is sent at once, also after one was late.
        self.due = self.turn - config.update_interval;
    }

    pub(super) fn hand_over(&mut self, now: Instant, state: bool) {
        self.handed = Some(now);
        self.handed_state = state;
    }

    /// For how long the client has taken nothing in.
    pub(super) fn stands_still(&self, now: Instant) -> Duration {
        self.handed.map_or(Duration::ZERO, |handed| now - handed)
    }
}
