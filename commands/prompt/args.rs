//! The options of `query` and `stream`.

use std::{path::PathBuf, time::Duration};

use clap_complete::ArgValueCandidates;
use claude_cli::{cache::DEFAULT_CACHE_BYTES, client::BackendKind, pricing::parse_usd_nanos};

use super::template::is_key;
use crate::{
    candidates::{models, sessions, tags, templates},
    duration::{Limit, parse, parse_limit},
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
    pub(super) prompt: Vec<String>,
    /// Do not read stdin
    #[arg(long, help_heading = "Prompt")]
    pub(crate) no_stdin: bool,
    /// Send a file along; may be repeated. Images and PDFs need the `api` backend
    #[arg(long = "file", short, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Prompt")]
    pub(super) files: Vec<PathBuf>,
    /// A template from the config folder; the prompt takes the place of {{input}}
    #[arg(long, short, value_name = "NAME", add = ArgValueCandidates::new(templates), help_heading = "Prompt")]
    pub(super) template: Option<String>,
    /// What a template's {{KEY}} stands for; may be repeated
    #[arg(long = "var", value_name = "KEY=VALUE", value_parser = parse_variable, requires = "template", help_heading = "Prompt")]
    pub(super) variables: Vec<(String, String)>,
    /// Go on with the latest conversation of this folder (`claude` program only)
    #[arg(long = "continue", short = 'c', conflicts_with = "resume", help_heading = "Conversation")]
    pub(super) go_on: bool,
    /// Go on with this conversation (`claude` program only)
    #[arg(long, short, value_name = "SESSION", add = ArgValueCandidates::new(sessions), help_heading = "Conversation")]
    pub(super) resume: Option<String>,
    /// With --continue or --resume: go on in a copy
    #[arg(long, help_heading = "Conversation")]
    pub(super) fork: bool,
    /// What to run it on; `auto` takes the `claude` program, else the Messages API
    #[arg(long, value_name = "BACKEND", default_value = "auto", value_parser = backend_parser(), help_heading = "Model")]
    pub(crate) backend: BackendKind,
    /// The model, by name or alias (sonnet, opus, haiku)
    #[arg(long, short, env = "CLAUDE_CLI_MODEL", hide_env_values = true, add = ArgValueCandidates::new(models), help_heading = "Model")]
    pub(crate) model: Option<String>,
    /// The system prompt
    #[arg(long, short, value_name = "TEXT", help_heading = "Model")]
    pub(crate) system: Option<String>,
    /// The most output tokens of the answer (Messages API only)
    #[arg(long, value_name = "N", default_value_t = 8192, help_heading = "Model")]
    pub(crate) max_tokens: u32,
    /// The `claude` program [default: the one on PATH]
    #[arg(long, value_name = "FILE", env = "CLAUDE_CLI_CLAUDE", hide_env_values = true, help_heading = "Model")]
    pub(crate) claude: Option<PathBuf>,
    /// Further certificate authorities for the `api` backend, as PEM
    #[arg(long, value_name = "FILE", env = "NODE_EXTRA_CA_CERTS", hide_env_values = true, help_heading = "Model")]
    pub(super) ca_file: Option<PathBuf>,
    /// End the run, and exit with 3, before it costs more
    #[arg(long, value_name = "USD", value_parser = parse_usd, help_heading = "Limits")]
    pub(crate) max_cost: Option<i64>,
    /// The longest the whole run may take, or `none`
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_limit, help_heading = "Limits")]
    pub(crate) timeout: Limit,
    /// The longest to wait for the first token, or `none`
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = parse_limit, help_heading = "Limits")]
    pub(crate) first_token_timeout: Limit,
    /// The longest silence after it, or `none`
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_limit, help_heading = "Limits")]
    pub(crate) idle_timeout: Limit,
    /// How often a request that may be retried is retried (Messages API only)
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Limits")]
    pub(crate) retries: u32,
    /// Exit with 7 if a tool was denied
    #[arg(long, help_heading = "Limits")]
    pub(crate) fail_on_denied: bool,
    /// Give an answer that was given before, if it is no older than this
    #[arg(long, value_name = "TIME", value_parser = parse, help_heading = "Cache")]
    pub(crate) cache: Option<Duration>,
    /// Keep also the answers of runs that may use tools
    #[arg(long, help_heading = "Cache")]
    pub(crate) cache_with_tools: bool,
    /// How much the cache may hold
    #[arg(long, value_name = "MB", default_value_t = DEFAULT_CACHE_BYTES >> 20, help_heading = "Cache")]
    pub(crate) cache_size: u64,
    /// How the answer is written
    #[arg(long, short, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) output: Output,
    /// A JSON schema that the answer has to follow: a file, or the schema itself
    #[arg(long, value_name = "SCHEMA", help_heading = "Output")]
    pub(crate) json_schema: Option<String>,
    /// How often to ask again for an answer that does not follow the schema
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Output")]
    pub(crate) schema_retries: u32,
    /// Print the answer's Markdown as it is, also on a terminal
    #[arg(long, help_heading = "Output")]
    pub(crate) plain: bool,
    /// End with a line of figures on stderr even if that is no terminal
    #[arg(long, help_heading = "Output")]
    pub(crate) stats: bool,
    /// Show what would be run, and about what it would cost, and run nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// Keep prompt and answer in the ledger, for `analytics runs --search`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", hide_default_value = true, hide_possible_values = true, help_heading = "Recording")]
    pub(crate) log_text: bool,
    /// Mark what is recorded, for `analytics summary --by tag`; may be repeated
    #[arg(long = "tag", id = "tag", value_name = "KEY=VALUE", value_parser = parse_tag, add = ArgValueCandidates::new(tags), help_heading = "Recording")]
    pub(crate) tags: Vec<String>,
    /// Do not record the run in the ledger
    #[arg(long, help_heading = "Recording")]
    pub(crate) no_record: bool,
    /// Arguments for the `claude` program, passed on untouched
    #[arg(last = true, value_name = "CLAUDE_ARGS")]
    pub(crate) claude_args: Vec<String>,
}

fn backend_parser() -> impl clap::builder::TypedValueParser<Value = BackendKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(BackendKind::ALL.map(|(_, name)| name)).try_map(|name| name.parse::<BackendKind>())
}

pub(super) fn parse_tag(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err("a tag is KEY=VALUE".to_owned()),
    }
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if is_key(key) => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a variable is KEY=VALUE, its key letters, digits, `_` and `-`".to_owned()),
    }
}

fn parse_usd(text: &str) -> Result<i64, String> {
    parse_usd_nanos(text).filter(|n| *n > 0).ok_or_else(|| "an amount in dollars, such as 0.25".to_owned())
}
