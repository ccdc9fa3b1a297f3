//! Which sights are of the same request.
//!
//! Sights that share a message id or a request id form a group. Within a group
//! every distinct pair of ids is a cell, and the cells are dealt to rows by the
//! rule below, anew from all of them whenever one is added: so the rows do not
//! depend on the order in which the cells came.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Witness, state::State};

/// The ids a sight knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CellKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// Only where neither of the others is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<String>,
}

impl From<&Witness> for CellKey {
    fn from(w: &Witness) -> Self {
        let anonymous = w.message_id.is_none() && w.request_id.is_none();
        Self {
            message_id: w.message_id.clone(),
            request_id: w.request_id.clone(),
            uuid: if anonymous { w.uuid.clone() } else { None },
        }
    }
}

impl CellKey {
    /// A 64-bit hash per id, for the index that finds a group by any of them.
    pub(crate) fn hashes(&self) -> Hashes {
        Hashes::of(self.message_id.as_deref(), self.request_id.as_deref(), self.uuid.as_deref())
    }
}

/// The hashes of the ids that a sight knows: at most two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    hashes: [i64; 2],
    known: usize,
}

impl Hashes {
    /// The hashes of a message id and a request id; of a line id, if it is the
    /// only one.
    pub(crate) fn of(message_id: Option<&str>, request_id: Option<&str>, uuid: Option<&str>) -> Self {
        let mut all = Self::default();
        for (tag, id) in [(b'm', message_id), (b'r', request_id), (b'u', uuid)] {
            if let Some(id) = id.filter(|_| all.known < 2) {
                all.hashes[all.known] = hash(tag, id);
                all.known += 1;
            }
        }
        all
    }

    pub(crate) fn as_slice(&self) -> &[i64] {
        &self.hashes[..self.known]
    }
}

impl IntoIterator for Hashes {
    type Item = i64;
    type IntoIter = std::iter::Take<std::array::IntoIter<i64, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        self.hashes.into_iter().take(self.known)
    }
}

/// Hashes an id and what it is the id of.
fn hash(tag: u8, id: &str) -> i64 {
    const SHORT: usize = 96;
    let bytes = id.as_bytes();
    if bytes.len() < SHORT {
        // One piece hashes far faster than two, to the same value.
        let mut tagged = [0; SHORT];
        tagged[0] = tag;
        tagged[1..=bytes.len()].copy_from_slice(bytes);
        return xxhash_rust::xxh3::xxh3_64(&tagged[..=bytes.len()]) as i64;
    }
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(&[tag]);
    hasher.update(bytes);
    hasher.digest() as i64
}

/// All sights that share an id.
pub(crate) type Cells = BTreeMap<CellKey, State>;

/// Deals the cells of a group to rows.
///
/// - Both ids, and no sidechain: a row of its own, an anchor.
/// - No request id, or a sidechain: the anchor with the smallest request id
///   among those of the same message. If a message has none, its smallest
///   request id among the sidechains becomes the anchor.
/// - No message id: the row that holds this request id, of the smallest
///   message id; a row of its own if there is none.
pub(crate) fn rows(cells: &Cells) -> BTreeMap<CellKey, State> {
    let anchors = anchors(cells);
    let mut rows: BTreeMap<CellKey, State> = BTreeMap::new();
    for (key, state) in cells {
        let home = home(key, cells, &anchors);
        rows.entry(home).and_modify(|row| row.join(state)).or_insert_with(|| state.clone());
    }
    rows
}

/// The anchors' request ids, per message id.
fn anchors(cells: &Cells) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut plain: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut replays: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, state) in cells {
        if let (Some(message), Some(request)) = (&key.message_id, &key.request_id) {
            let into = if state.snapshot.sidechain { &mut replays } else { &mut plain };
            into.entry(message).or_default().insert(request);
        }
    }
    for (message, requests) in replays {
        plain.entry(message).or_insert_with(|| requests.into_iter().take(1).collect());
    }
    plain
}

fn home(key: &CellKey, cells: &Cells, anchors: &BTreeMap<&str, BTreeSet<&str>>) -> CellKey {
    let at = |message: &str, request: &str| CellKey {
        message_id: Some(message.to_owned()),
        request_id: Some(request.to_owned()),
        uuid: None,
    };
    match (&key.message_id, &key.request_id) {
        (Some(message), request) => match anchors.get(message.as_str()) {
            Some(requests) if request.as_deref().is_some_and(|r| requests.contains(r)) => key.clone(),
            Some(requests) => requests.first().map_or_else(|| key.clone(), |r| at(message, r)),
            None => key.clone(),
        },
        (None, Some(request)) => {
            let anchored = anchors.iter().find(|(_, requests)| requests.contains(request.as_str()));
            if let Some((message, _)) = anchored {
                return at(message, request);
            }
            // The request id is known only from a replay: go where it went.
            cells
                .keys()
                .find(|other| other.message_id.is_some() && other.request_id.as_ref() == Some(request))
                .map_or_else(|| key.clone(), |other| home(other, cells, anchors))
        }
        (None, None) => key.clone(),
    }
}
