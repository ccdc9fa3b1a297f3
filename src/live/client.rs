//! One who watches.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    figures::add,
    frame::{Body, CloseReason, EventId, Frame, FrameKind},
    hub::Shared,
    seat::{Lanes, Seat},
};

/// A client of a [`Hub`](super::Hub), which loses it when this is dropped.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    number: u64,
    ended: bool,
}

/// What a client has to do next.
enum Next {
    Frame(Frame),
    /// Nothing, until it is woken or this time comes.
    Wait(Option<Instant>),
}

impl Client {
    pub(super) const fn new(shared: Arc<Shared>, seat: Arc<Seat>, number: u64) -> Self {
        Self { shared, seat, number, ended: false }
    }

    /// The next frame, once there is one. To ask for it says that the one
    /// before was taken in. The last frame says why there are no more; `None`
    /// behind it.
    ///
    /// It may be dropped while it waits, and loses nothing.
    pub async fn next(&mut self) -> Option<Frame> {
        if self.ended {
            return None;
        }
        self.seat.lanes().asked(Instant::now(), &self.shared.config);
        loop {
            match self.look() {
                Next::Frame(frame) => {
                    self.ended = frame.kind == FrameKind::Closed;
                    return Some(frame);
                }
                Next::Wait(None) => self.seat.wake.notified().await,
                Next::Wait(Some(due)) => {
                    tokio::select! {
                        () = self.seat.wake.notified() => {}
                        () = sleep_until(due) => {}
                    }
                }
            }
        }
    }

    /// Is cancelled when the client is closed: whoever holds its socket is then
    /// to end it, since what is blocked on it will not.
    #[must_use]
    pub fn closed(&self) -> CancellationToken {
        self.seat.closed.clone()
    }

    /// Why it was closed, if it was.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.seat.lanes().reason
    }

    fn look(&self) -> Next {
        let mut board = self.shared.board();
        let mut lanes = self.seat.lanes();
        let figures = &self.shared.figures;
        let now = Instant::now();
        if let Some(reason) = lanes.reason {
            let text = serde_json::json!({ "reason": reason.to_string() }).to_string();
            return Next::Frame(self.frame(&mut lanes, FrameKind::Closed, Body::new(text.into_bytes()), now, now));
        }
        if let Some(alert) = lanes.take_alert() {
            add(&figures.alerts, 1);
            return Next::Frame(self.frame(
                &mut lanes,
                FrameKind::Alert,
                alert.body.clone(),
                alert.published,
                now,
            ));
        }
        let latest = board.timeline.latest().clone();
        if latest.number == lanes.state_sent {
            return Next::Wait(None);
        }
        if now < lanes.due {
            return Next::Wait(Some(lanes.due));
        }
        let base = lanes.base.take();
        if lanes.state_sent > 0 {
            add(&figures.coalesced, latest.number - lanes.state_sent - 1);
            add(&figures.resyncs, u64::from(base.is_none()));
        }
        let change = base.and_then(|base| board.timeline.change_since(&base));
        drop(board);
        lanes.state_sent = latest.number;
        lanes.base = Some(latest.clone());
        add(&figures.updates, 1);
        add(&figures.bytes_full, latest.body.len() as u64);
        let (kind, body) = match change {
            Some(change) => {
                add(&figures.patches, 1);
                (FrameKind::Patch, change)
            }
            None => (FrameKind::Snapshot, latest.body.clone()),
        };
        Next::Frame(self.frame(&mut lanes, kind, body, latest.published, now))
    }

    fn frame(&self, lanes: &mut Lanes, kind: FrameKind, body: Body, published: Instant, now: Instant) -> Frame {
        lanes.hand_over(now, matches!(kind, FrameKind::Snapshot | FrameKind::Patch));
        let figures = &self.shared.figures;
        add(&figures.bytes_sent, body.len() as u64);
        figures.handed(now - published);
        let id = EventId { life: self.shared.life, state: lanes.state_sent, alert: lanes.alert_sent };
        Frame { id, kind, body, published }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.leave(self.number);
    }
}
