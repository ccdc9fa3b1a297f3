//! What a client is sent.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use tokio::time::Instant;

/// What a client has been sent up to a frame: of which life of the hub, the
/// number of the last state and that of the last alert. A client that comes
/// back tells it, and is sent what it missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    pub(super) life: u64,
    pub(super) state: u64,
    pub(super) alert: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}-{}", self.life, self.state, self.alert)
    }
}

/// A text is no [`EventId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no id of an event: it is not of the form LIFE-STATE-ALERT")]
pub struct ParseEventIdError;

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, ParseEventIdError> {
        let mut parts = text.splitn(3, '-');
        let mut next = |radix| u64::from_str_radix(parts.next()?, radix).ok();
        let id = (|| Some(Self { life: next(16)?, state: next(10)?, alert: next(10)? }))();
        id.ok_or(ParseEventIdError)
    }
}

/// What kind of frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The whole state.
    Snapshot,
    /// What changed since the state that this client was sent last: a JSON
    /// Patch (RFC 6902).
    Patch,
    /// An alert.
    Alert,
    /// The last frame: a JSON text that says why there are no more.
    Closed,
}

impl FrameKind {
    /// Its name as an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Patch => "patch",
            Self::Alert => "alert",
            Self::Closed => "closed",
        }
    }
}

/// Why a client was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// It took nothing in for too long.
    Stalled,
    /// More alerts waited for it than its buffer holds.
    TooManyAlerts,
    /// The hub is gone.
    HubClosed,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stalled => "it took nothing in for too long",
            Self::TooManyAlerts => "more alerts waited than its buffer holds",
            Self::HubClosed => "the server stops",
        })
    }
}

/// What a client is sent at a time.
#[derive(Clone, Debug)]
pub struct Frame {
    pub(super) id: EventId,
    pub(super) kind: FrameKind,
    pub(super) body: Body,
    pub(super) published: Instant,
}

/// A JSON text and the blank line behind it, shared by all who are sent it.
#[derive(Clone, Debug)]
pub(super) struct Body(Bytes);

const END: &[u8] = b"\n\n";

impl Body {
    /// `json` has no line ends, as compact JSON never does.
    pub(super) fn new(mut json: Vec<u8>) -> Self {
        json.extend_from_slice(END);
        Self(json.into())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() - END.len()
    }
}

impl Frame {
    /// What the client has been sent with it.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// What kind of frame it is.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Its JSON text.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.body.0[..self.body.len()]
    }

    /// When what it tells was published.
    #[must_use]
    pub const fn published(&self) -> Instant {
        self.published
    }

    /// The frame as a server-sent event: what is this client's own, and what
    /// it shares with others.
    #[must_use]
    pub fn to_sse(&self) -> [Bytes; 2] {
        let mut head = String::new();
        self.write_head(&mut head);
        [head.into(), self.body.0.clone()]
    }

    /// Writes the client's own part over what `head` held.
    pub(super) fn write_head(&self, head: &mut String) {
        use fmt::Write as _;

        head.clear();
        // A `String` takes everything.
        let _ = write!(head, "id: {}\nevent: {}\ndata: ", self.id, self.kind.name());
    }

    /// The part that is shared.
    #[cfg(feature = "analytics")]
    pub(super) fn shared(&self) -> &[u8] {
        &self.body.0
    }
}
