//! What `query` and `stream` share: the prompt and how to run it.

use std::{
    collections::BTreeSet,
    io::{self, Read, stdin},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use claude_cli::{
    Client, Error,
    client::{BackendKind, Limits},
};
use rustix::fs::{FileType, fstat};

use crate::{
    context::variable,
    duration::{Limit, parse_limit},
};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// The answer's text
    #[default]
    Text,
    /// One JSON document with the answer, its tokens, cost and times
    Json,
    /// Every message as a line of JSON, as it comes
    StreamJson,
}

/// Options of `query` and `stream`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PromptArgs {
    /// The prompt; what comes on stdin is added to it
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Vec<String>,
    /// Do not read stdin
    #[arg(long)]
    pub(crate) no_stdin: bool,
    /// What to run it on; `auto` takes the `claude` program, else the Messages API
    #[arg(long, value_name = "BACKEND", default_value = "auto", value_parser = backend_parser())]
    pub(crate) backend: BackendKind,
    /// The model, by name or alias (sonnet, opus, haiku)
    #[arg(long, short, env = "CLAUDE_CLI_MODEL", hide_env_values = true)]
    pub(crate) model: Option<String>,
    /// The system prompt
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// How the answer is written
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// The longest the whole run may take, or `none`
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_limit)]
    pub(crate) timeout: Limit,
    /// The longest to wait for the first token, or `none`
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = parse_limit)]
    pub(crate) first_token_timeout: Limit,
    /// The longest silence after it, or `none`
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_limit)]
    pub(crate) idle_timeout: Limit,
    /// How often a request that may be retried is retried (Messages API only)
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) retries: u32,
    /// The most output tokens of the answer (Messages API only)
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub(crate) max_tokens: u32,
    /// The `claude` program [default: the one on PATH]
    #[arg(long, value_name = "FILE", env = "CLAUDE_CLI_CLAUDE", hide_env_values = true)]
    pub(crate) claude: Option<PathBuf>,
    /// Mark what is recorded, for `analytics summary --by tag`; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    pub(crate) tags: Vec<String>,
    /// Do not record the run in the ledger
    #[arg(long)]
    pub(crate) no_record: bool,
    /// End with a line of figures on stderr even if that is no terminal
    #[arg(long)]
    pub(crate) stats: bool,
    /// Arguments for the `claude` program, passed on untouched
    #[arg(last = true, value_name = "CLAUDE ARGS")]
    pub(crate) claude_args: Vec<String>,
}

fn backend_parser() -> impl clap::builder::TypedValueParser<Value = BackendKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(BackendKind::ALL.map(|(_, name)| name)).try_map(|name| name.parse::<BackendKind>())
}

fn parse_tag(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err("a tag is KEY=VALUE".to_owned()),
    }
}

impl PromptArgs {
    pub(crate) fn client(&self) -> Client {
        let limits =
            Limits { first_token: self.first_token_timeout.0, idle: self.idle_timeout.0, total: self.timeout.0 };
        let mut builder = Client::builder()
            .backend(self.backend)
            .limits(limits)
            .retries(self.retries)
            .max_tokens(self.max_tokens);
        if let Some(model) = &self.model {
            builder = builder.model(model);
        }
        if let Some(system) = &self.system {
            builder = builder.system(system);
        }
        if let Some(claude) = &self.claude {
            builder = builder.claude_path(claude);
        }
        for arg in &self.claude_args {
            builder = builder.claude_arg(arg);
        }
        builder.build()
    }

    /// The prompt: the arguments, then what comes on stdin.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        let mut prompt = self.prompt.join(" ");
        if !self.no_stdin && stdin_has_something() {
            let mut piped = String::new();
            stdin().lock().read_to_string(&mut piped).context("cannot read the prompt from stdin")?;
            if !piped.trim().is_empty() {
                if !prompt.is_empty() {
                    prompt.push_str("\n\n");
                }
                prompt.push_str(&piped);
            }
        }
        if prompt.trim().is_empty() {
            bail!(Error::Invalid("there is no prompt: give it as an argument or on stdin".to_owned()));
        }
        Ok(prompt)
    }

    /// The tags of this run: those of the environment and its own.
    pub(crate) fn tags(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut tags: BTreeSet<String> = self.tags.iter().cloned().collect();
        for tag in variable("CLAUDE_CLI_TAGS").iter().flat_map(|tags| tags.split(',')) {
            let tag = parse_tag(tag).map_err(|e| Error::Invalid(format!("CLAUDE_CLI_TAGS: `{tag}`: {e}")))?;
            tags.insert(tag);
        }
        Ok(tags)
    }
}

/// Whether stdin is a file, pipe or socket: not a terminal and not /dev/null.
fn stdin_has_something() -> bool {
    fstat(io::stdin()).is_ok_and(|stat| {
        matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Fifo | FileType::Socket)
    })
}
