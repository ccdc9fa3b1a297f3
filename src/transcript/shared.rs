//! Texts that the lines of a transcript have in common.

use crate::{pricing, store::Name, stream::json::Text};

/// How many texts of a kind are remembered: more than one transcript has.
const REMEMBERED: usize = 16;

/// Texts that lines have in common, decoded once and shared.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) sessions: Texts,
    pub(super) projects: Texts,
    pub(super) branches: Texts,
    pub(super) versions: Texts,
    agents: Texts,
    models: Remembered<(Name, bool)>,
}

impl Shared {
    /// `main` or `subagent`.
    pub(super) fn agent(&mut self, agent: &'static str) -> Name {
        self.agents.0.get(agent.as_bytes(), || agent.into())
    }

    /// The model's canonical name, and whether it asks for fast mode.
    pub(super) fn model(&mut self, text: Text<'_>) -> (Name, bool) {
        self.models.get(text.raw(), || {
            let model = pricing::normalize(&text.decode());
            (model.name.into(), model.fast)
        })
    }
}

/// Texts of one kind.
#[derive(Debug, Default)]
pub(super) struct Texts(Remembered<Name>);

impl Texts {
    pub(super) fn get(&mut self, text: Option<Text<'_>>) -> Option<Name> {
        text.map(|text| self.0.get(text.raw(), || text.decode().into()))
    }

    /// A text that is whole already.
    pub(super) fn share(&mut self, text: Option<&str>) -> Option<Name> {
        text.map(|text| self.0.get(text.as_bytes(), || text.into()))
    }
}

/// What was made of some bytes.
#[derive(Debug)]
struct Remembered<T> {
    known: Vec<(Box<[u8]>, T)>,
    /// The one asked for last: lines that follow each other mostly agree.
    last: usize,
    /// The one to be forgotten next, once there are enough.
    oldest: usize,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { known: Vec::new(), last: 0, oldest: 0 }
    }
}

impl<T: Clone> Remembered<T> {
    fn get(&mut self, bytes: &[u8], make: impl FnOnce() -> T) -> T {
        if let Some((known, made)) = self.known.get(self.last)
            && **known == *bytes
        {
            return made.clone();
        }
        self.last = match self.known.iter().position(|(known, _)| **known == *bytes) {
            Some(at) => at,
            None if self.known.len() < REMEMBERED => {
                self.known.push((bytes.into(), make()));
                self.known.len() - 1
            }
            None => {
                let at = self.oldest;
                self.known[at] = (bytes.into(), make());
                self.oldest = (at + 1) % REMEMBERED;
                at
            }
        };
        self.known[self.last].1.clone()
    }
}
