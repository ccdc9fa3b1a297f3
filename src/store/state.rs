//! The merge: what all witnesses of one request say together.
//!
//! A [`State`] is a join-semilattice: [`State::join`] is commutative,
//! associative and idempotent, because every field is the greatest or smallest
//! of its kind in a total order. That is what makes a row independent of the
//! order, split and repetition in which its witnesses arrive.

use std::{cmp::Reverse, collections::BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Name, Witness, WitnessKind};
use crate::Usage;

/// All that is kept of the witnesses of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    /// Output tokens as told by telemetry, which knows the final count but not
    /// how cache writes are split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) final_output: Option<u64>,
    pub(crate) origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<Ranked<Name>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<Ranked<Name>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Ranked<Name>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<Ranked<Name>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<Ranked<Name>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<Ranked<Name>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<Ranked<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<Ranked<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttft_ms: Option<Ranked<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) tags: BTreeSet<String>,
    pub(crate) mask: u8,
    pub(crate) simulated: bool,
}

/// The counts of the best snapshot, and its time, which dates the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) sidechain: bool,
    /// From telemetry, which does not split cache writes by lifetime.
    pub(crate) coarse: bool,
    pub(crate) ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Name>,
    pub(crate) usage: Usage,
}

impl Snapshot {
    /// The rule of FACTS: no sidechain, then the largest output, then the
    /// earliest, then the smallest session and line id. The rest only makes
    /// the order total.
    fn rank(&self) -> impl Ord + '_ {
        (
            !self.sidechain,
            !self.coarse,
            self.usage.output_tokens,
            Reverse(self.ts),
            Reverse(&self.session),
            Reverse(&self.uuid),
            Reverse((&self.model, &self.usage)),
        )
    }
}

/// Where a request was seen first: the session it counts for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) ts: i64,
    /// Last in the order, so that a witness that knows its session wins a tie.
    pub(crate) anonymous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Name>,
}

/// A detail with the rank of the witness it comes from; the smallest wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ranked<T> {
    pub(crate) by: u8,
    pub(crate) ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Name>,
    pub(crate) value: T,
}

/// Transcripts know best where a request was made.
const fn place_rank(by: WitnessKind) -> u8 {
    match by {
        WitnessKind::Transcript => 0,
        WitnessKind::Run => 1,
        WitnessKind::Telemetry => 2,
    }
}

/// Telemetry knows best what a single request cost.
const fn cost_rank(by: WitnessKind) -> u8 {
    match by {
        WitnessKind::Telemetry => 0,
        WitnessKind::Run => 1,
        WitnessKind::Transcript => 2,
    }
}

/// Telemetry times the request itself; a run times what reached it.
const fn latency_rank(by: WitnessKind) -> u8 {
    cost_rank(by)
}

impl From<&Witness> for State {
    fn from(w: &Witness) -> Self {
        fn ranked<T: Clone>(w: &Witness, by: u8, ts: i64, value: Option<&T>) -> Option<Ranked<T>> {
            value.map(|v| Ranked { by, ts, session: w.session.clone(), value: v.clone() })
        }
        let first = w.first_ts.unwrap_or(w.ts);
        let place = place_rank(w.by);
        let coarse = w.by == WitnessKind::Telemetry;
        Self {
            snapshot: Snapshot {
                sidechain: w.sidechain,
                coarse,
                ts: w.ts,
                session: w.session.clone(),
                uuid: w.uuid.clone(),
                model: w.model.clone(),
                usage: w.usage.clone(),
            },
            final_output: coarse.then_some(w.usage.output_tokens),
            origin: Origin { ts: first, anonymous: w.session.is_none(), session: w.session.clone() },
            project: ranked(w, place, first, w.project.as_ref()),
            branch: ranked(w, place, first, w.branch.as_ref()),
            version: ranked(w, place, first, w.version.as_ref()),
            agent: ranked(w, place, first, w.agent.as_ref()),
            user: ranked(w, place, first, w.user.as_ref()),
            host: ranked(w, place, first, w.host.as_ref()),
            run: w.run.clone(),
            cost: ranked(w, cost_rank(w.by), w.ts, w.cost.as_ref()),
            duration_ms: ranked(w, latency_rank(w.by), w.ts, w.duration_ms.as_ref()),
            ttft_ms: ranked(w, latency_rank(w.by), w.ts, w.ttft_ms.as_ref()),
            error: w.error.clone(),
            tags: w.tags.clone(),
            mask: w.by.bit(),
            simulated: w.simulated,
        }
    }
}

impl State {
    /// Takes in what `other` knows.
    pub(crate) fn join(&mut self, other: &Self) {
        if other.snapshot.rank() > self.snapshot.rank() {
            self.snapshot = other.snapshot.clone();
        }
        self.final_output = self.final_output.max(other.final_output);
        if other.origin < self.origin {
            self.origin = other.origin.clone();
        }
        smallest(&mut self.project, other.project.as_ref());
        smallest(&mut self.branch, other.branch.as_ref());
        smallest(&mut self.version, other.version.as_ref());
        smallest(&mut self.agent, other.agent.as_ref());
        smallest(&mut self.user, other.user.as_ref());
        smallest(&mut self.host, other.host.as_ref());
        smallest(&mut self.run, other.run.as_ref());
        smallest(&mut self.cost, other.cost.as_ref());
        smallest(&mut self.duration_ms, other.duration_ms.as_ref());
        smallest(&mut self.ttft_ms, other.ttft_ms.as_ref());
        smallest(&mut self.error, other.error.as_ref());
        self.tags.extend(other.tags.iter().cloned());
        self.mask |= other.mask;
        self.simulated |= other.simulated;
    }

    /// What counts: the best snapshot, with the final output where telemetry
    /// told it. A row that is known by telemetry alone has only that.
    pub(crate) fn usage(&self) -> Usage {
        let mut usage = self.snapshot.usage.clone();
        usage.output_tokens = usage.output_tokens.max(self.final_output.unwrap_or(0));
        usage
    }
}

fn smallest<T: Ord + Clone>(ours: &mut Option<T>, theirs: Option<&T>) {
    if let Some(theirs) = theirs
        && ours.as_ref().is_none_or(|ours| theirs < ours)
    {
        *ours = Some(theirs.clone());
    }
}
