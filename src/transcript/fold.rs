//! Joining the snapshots of a request that follow one another.
//!
//! Claude Code writes a line per content block, each with a newer snapshot of
//! the same usage. Appending all of them to a ledger gives the same as
//! appending the joined one, but takes longer.

use std::{cmp::Reverse, mem};

use xxhash_rust::xxh3::xxh3_64;

use super::{line::UsageLine, scanner::Origin, shared::Shared};
use crate::{
    store::{Witness, WitnessKind},
    stream::json::Text,
};

/// The model name that Claude Code gives its own error messages.
const SYNTHETIC: &[u8] = b"<synthetic>";
/// How many requests may be between two snapshots of one.
const RECENT: usize = 64;

/// The requests seen last, which further lines may add to.
#[derive(Debug, Default)]
pub(super) struct Window {
    recent: Vec<Witness>,
    /// The hashes of their message ids; `None` for what is never joined.
    hashes: Vec<Option<u64>>,
    /// The oldest of them, once there are enough.
    oldest: usize,
    shared: Shared,
}

impl Window {
    /// Adds a line; gives the request that has to make room for it.
    pub(super) fn add(&mut self, line: UsageLine<'_>, ts: i64, origin: &Origin) -> Option<Witness> {
        let is_synthetic = line.model.is_some_and(|model| model.raw() == SYNTHETIC);
        let joins = !is_synthetic && !line.is_api_error && line.error.is_none() && line.cost.is_none();
        let hash = line.message_id.filter(|_| joins).map(|id| xxh3_64(id.raw()));
        let line = Sight { line, ts, origin };
        if hash.is_some() {
            for at in (0..self.recent.len()).rev() {
                if self.hashes[at] == hash && line.is_of(&self.recent[at]) {
                    line.join(&mut self.recent[at], &mut self.shared);
                    return None;
                }
            }
        }
        let witness = if is_synthetic { line.failure(&mut self.shared) } else { line.witness(&mut self.shared) };
        if self.recent.len() < RECENT {
            self.recent.push(witness);
            self.hashes.push(hash);
            return None;
        }
        self.hashes[self.oldest] = hash;
        let evicted = mem::replace(&mut self.recent[self.oldest], witness);
        self.oldest = (self.oldest + 1) % RECENT;
        Some(evicted)
    }

    /// Gives all that are left, in their order.
    pub(super) fn flush(&mut self, each: &mut dyn FnMut(Witness)) {
        self.recent.rotate_left(self.oldest);
        self.recent.drain(..).for_each(each);
        self.hashes.clear();
        self.oldest = 0;
    }
}

/// A usage line, when it was written, and where.
struct Sight<'a> {
    line: UsageLine<'a>,
    ts: i64,
    origin: &'a Origin,
}

impl Sight<'_> {
    const fn agent(&self) -> &'static str {
        if self.line.subagent || self.origin.subagent { "subagent" } else { "main" }
    }

    /// Whether it is another snapshot of what `known` is one of.
    fn is_of(&self, known: &Witness) -> bool {
        let line = &self.line;
        is(line.message_id, known.message_id.as_deref())
            && is(line.request_id, known.request_id.as_deref())
            && line.sidechain == known.sidechain
            && match line.session {
                Some(session) => is(Some(session), known.session.as_deref()),
                None => self.origin.session.as_deref() == known.session.as_deref(),
            }
            && is(line.project, known.project.as_deref())
            && is(line.branch, known.branch.as_deref())
            && is(line.version, known.version.as_deref())
            && known.agent.as_deref() == Some(self.agent())
    }

    /// Keeps the better of two snapshots, and the earlier time: what the ledger
    /// would do with both.
    fn join(self, known: &mut Witness, shared: &mut Shared) {
        let first = known.first_ts.unwrap_or(known.ts).min(self.ts);
        let ours = &self.line.usage.usage.usage;
        let by_figures =
            (ours.output_tokens, Reverse(self.ts)).cmp(&(known.usage.output_tokens, Reverse(known.ts)));
        if by_figures.is_ge() {
            let newer = self.witness(shared);
            let rest = |w: &Witness| Reverse((w.uuid.clone(), w.model.clone(), w.usage.clone()));
            if by_figures.is_gt() || rest(&newer) > rest(known) {
                *known = newer;
            }
        }
        known.first_ts = (first != known.ts).then_some(first);
    }

    fn witness(self, shared: &mut Shared) -> Witness {
        let agent = self.agent();
        let line = self.line;
        let (model, fast) = line.model.map(|text| shared.model(text)).unzip();
        let mut usage = line.usage.usage.usage;
        usage.fast |= fast.unwrap_or(false);
        let error = if line.is_api_error || line.error.is_some() { Some(error_kind(line.error)) } else { None };
        Witness {
            by: WitnessKind::Transcript,
            message_id: owned(line.message_id),
            request_id: owned(line.request_id),
            uuid: owned(line.uuid),
            sidechain: line.sidechain,
            ts: self.ts,
            session: match line.session {
                Some(session) => shared.sessions.get(Some(session)),
                None => shared.sessions.share(self.origin.session.as_deref()),
            },
            model,
            usage,
            cost: line.cost,
            error,
            project: shared.projects.get(line.project),
            branch: shared.branches.get(line.branch),
            version: shared.versions.get(line.version),
            agent: Some(shared.agent(agent)),
            ..Witness::default()
        }
    }

    /// A failed attempt. The id of its message is made up, as are its counts;
    /// the line's own id is what a run that saw it knows as well.
    fn failure(mut self, shared: &mut Shared) -> Witness {
        self.line.model = None;
        self.line.cost = None;
        self.line.usage = Default::default();
        self.line.is_api_error = true;
        let message_id = self.line.message_id.take();
        self.line.uuid = self.line.uuid.or(message_id);
        self.witness(shared)
    }
}

fn error_kind(error: Option<Text<'_>>) -> String {
    owned(error).unwrap_or_else(|| "api_error".to_owned())
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.decode().into_owned())
}

fn is(text: Option<Text<'_>>, known: Option<&str>) -> bool {
    match (text, known) {
        (Some(text), Some(known)) => text.raw() == known.as_bytes() || text.decode() == known,
        (None, None) => true,
        _ => false,
    }
}
