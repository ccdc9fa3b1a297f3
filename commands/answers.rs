//! Answers that were given before: `--cache`.

use claude_cli::{
    Error,
    cache::{CacheKey, DiskCache, Freshness},
    client::{Secrets, Session, answer_key, find_claude},
    store::Outcome,
    stream::RunResult,
};
use serde::{Deserialize, Serialize};

use crate::{
    context::{Context, cache_folder},
    prompt::{Prepared, PromptArgs},
    recording::{Label, Recording, Unwritten},
    stream::Terms,
};

/// The cache's kind for answers.
const KIND: &str = "answer";

/// The answers that are kept, for a command that was asked to look there.
pub(crate) struct Answers<'a> {
    cache: DiskCache,
    args: &'a PromptArgs,
    context: &'a Context,
    good: Freshness<'static>,
}

/// What is kept of an answer: no prompt, and nothing of who asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) answer: String,
    pub(crate) model: Option<String>,
}

impl<'a> Answers<'a> {
    /// The cache, if `--cache` asks for it.
    pub(crate) fn open(args: &'a PromptArgs, context: &'a Context) -> Option<Self> {
        let good = Freshness::within(args.cache?);
        match cache_folder() {
            Ok(folder) => {
                let cache = DiskCache::open(&folder.join("cache.db"), args.cache_size.saturating_mul(1 << 20));
                Some(Self { cache, args, context, good })
            }
            Err(error) => {
                context.note(&format!("warning: the cache is not used: {error:#}"));
                None
            }
        }
    }

    /// The key of a prompt's answer.
    ///
    /// # Errors
    /// If it may use tools: what they did would not be done again.
    pub(crate) fn key(&self, prepared: &Prepared) -> Result<CacheKey, Error> {
        let request = prepared.request();
        if request.session != Session::New {
            let what = "--cache is for prompts of their own: an answer within a conversation is of that one alone";
            return Err(Error::Invalid(what.to_owned()));
        }
        let backend = prepared.backend_name()?;
        // Also where nothing may be changed, the program may read files.
        let has_none = |arg: &String| arg == "--tools=";
        let may_use_tools = backend == "claude" && !request.claude_args.iter().any(has_none);
        if may_use_tools && !self.args.cache_with_tools {
            let what = "--cache does not keep what runs with tools answer, for what they did would not be done again: \
                        leave them out (`-- --tools=`), or say --cache-with-tools";
            return Err(Error::Invalid(what.to_owned()));
        }
        let program = self.args.claude.clone().or_else(find_claude);
        Ok(answer_key(request, backend, program.as_deref(), &self.context.prices()))
    }

    /// The answer that was given before, if it is fresh.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Kept> {
        let found = self.cache.get(KIND, key, self.good).hit();
        self.warn();
        serde_json::from_slice(&found?.bytes).ok()
    }

    /// Keeps an answer that is one.
    pub(crate) fn put(&self, key: &CacheKey, answer: &str, result: &RunResult, model: Option<String>) {
        // More than one turn: a tool was used, whatever was said of that.
        let used_tools = result.num_turns.unwrap_or(0) > 1 && result.structured_output.is_none();
        if used_tools && !self.args.cache_with_tools {
            return;
        }
        // A secret is not stored, wherever it comes from.
        if Secrets::of_environment().mask(answer) != answer {
            return;
        }
        if let Ok(kept) = serde_json::to_vec(&Kept { answer: answer.to_owned(), model }) {
            self.cache.put(KIND, key, &kept, self.good);
        }
        self.warn();
    }

    fn warn(&self) {
        if let Some(warning) = self.cache.take_warning() {
            self.context.note(&format!("warning: {warning}"));
        }
    }
}

/// Records a run that was answered from the cache.
pub(crate) fn record(kept: &Kept, label: &Label, backend: &str, terms: &Terms<'_>) -> (Outcome, Unwritten) {
    let mut recording = Recording::start(label, backend, terms.writer.clone());
    recording.answered_from_cache(kept.model.clone());
    recording.finish(None, None)
}
