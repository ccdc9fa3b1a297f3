//! What `query` and `stream` share: the prompt and how to run it.

mod plan;
mod schema;
mod template;

use std::{
    collections::BTreeSet,
    io::{self, Read, stdin},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use clap_complete::ArgValueCandidates;
use claude_cli::{
    Client, Error, QueryBuilder,
    client::{Attachment, BackendKind, Limits, Session},
    pricing::parse_usd_nanos,
};
use rustix::fs::{FileType, fstat};

use self::template::Template;
pub(crate) use self::{
    plan::{USUAL_MODEL, show_plan},
    schema::Schema,
    template::names as template_names,
};
use crate::{
    candidates::{models, sessions, tags, templates},
    context::{Context, config_folder, variable},
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
    prompt: Vec<String>,
    /// Do not read stdin
    #[arg(long, help_heading = "Prompt")]
    pub(crate) no_stdin: bool,
    /// Send a file along; may be repeated. Images and PDFs need the `api` backend
    #[arg(long = "file", short, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Prompt")]
    files: Vec<PathBuf>,
    /// A template from the config folder; the prompt takes the place of {{input}}
    #[arg(long, short, value_name = "NAME", add = ArgValueCandidates::new(templates), help_heading = "Prompt")]
    template: Option<String>,
    /// What a template's {{KEY}} stands for; may be repeated
    #[arg(long = "var", value_name = "KEY=VALUE", value_parser = parse_variable, requires = "template", help_heading = "Prompt")]
    variables: Vec<(String, String)>,
    /// Go on with the latest conversation of this folder (`claude` program only)
    #[arg(long = "continue", short = 'c', conflicts_with = "resume", help_heading = "Conversation")]
    go_on: bool,
    /// Go on with this conversation (`claude` program only)
    #[arg(long, short, value_name = "SESSION", add = ArgValueCandidates::new(sessions), help_heading = "Conversation")]
    resume: Option<String>,
    /// With --continue or --resume: go on in a copy
    #[arg(long, help_heading = "Conversation")]
    fork: bool,
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
    ca_file: Option<PathBuf>,
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
    /// How the answer is written
    #[arg(long, short, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) output: Output,
    /// A JSON schema that the answer has to follow: a file, or the schema itself
    #[arg(long, value_name = "SCHEMA", help_heading = "Output")]
    json_schema: Option<String>,
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

fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if template::is_key(key) => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a variable is KEY=VALUE, its key letters, digits, `_` and `-`".to_owned()),
    }
}

fn parse_usd(text: &str) -> Result<i64, String> {
    parse_usd_nanos(text).filter(|n| *n > 0).ok_or_else(|| "an amount in dollars, such as 0.25".to_owned())
}

/// A prompt and how to run it, with everything read that it takes.
pub(crate) struct Prepared {
    query: QueryBuilder,
    prompt: String,
    pub(crate) schema: Option<Schema>,
}

impl Prepared {
    /// The query, within what is left of its budget; `complaint` is what was
    /// wrong with the last answer.
    pub(crate) fn query(&self, complaint: Option<&str>, max_cost: Option<i64>) -> QueryBuilder {
        let mut query = self.query.clone();
        if let Some(complaint) = complaint {
            query = query.prompt(format!(
                "{}\n\nYour last answer did not follow the JSON schema: {complaint}. Answer again, and follow it.",
                self.prompt
            ));
        }
        match max_cost {
            Some(nanos) => query.max_cost(nanos),
            None => query,
        }
    }

    pub(crate) fn prompt(&self) -> &str {
        &self.prompt
    }
}

impl PromptArgs {
    /// Reads all that the run needs, before anything is run.
    pub(crate) fn prepare(&self, context: &Context) -> anyhow::Result<Prepared> {
        let template = match &self.template {
            Some(name) => Some(Template::read(&config_folder()?, name)?),
            None => None,
        };
        let schema = self.json_schema.as_deref().map(Schema::read).transpose()?;
        let files = self.files.iter().map(|path| Attachment::read(path)).collect::<Result<Vec<_>, _>>()?;
        let typed = self.text(template.is_some() || !files.is_empty())?;
        let prompt = match &template {
            Some(template) => template.fill(&typed, &self.variables)?,
            None => typed,
        };
        if prompt.trim().is_empty() {
            bail!(Error::Invalid("there is no prompt: give it as an argument or on stdin".to_owned()));
        }
        let mut query = self.client(template.as_ref(), context).query(prompt.clone()).session(self.session()?);
        for file in files {
            query = query.file(file);
        }
        if let Some(schema) = &schema {
            query = query.json_schema(schema.json().clone());
        }
        if let Some(nanos) = self.max_cost {
            query = query.max_cost(nanos);
        }
        let prepared = Prepared { query, prompt, schema };
        if self.dry_run || prepared.query.backend_name().is_ok() {
            prepared.query.request().supported_by(self.planned_backend(&prepared))?;
        }
        Ok(prepared)
    }

    /// The first option given that means nothing for a stream on stdin.
    pub(crate) fn meaningless_for_stdin(&self) -> Option<&'static str> {
        let given = [
            (!self.files.is_empty(), "--file"),
            (self.template.is_some(), "--template"),
            (self.go_on, "--continue"),
            (self.resume.is_some(), "--resume"),
            (self.fork, "--fork"),
            (self.json_schema.is_some(), "--json-schema"),
            (self.dry_run, "--dry-run"),
            (!self.claude_args.is_empty(), "--"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, option)| option)
    }

    /// Whether the prompt is `-`: not a prompt, but what stdin holds.
    pub(crate) fn is_stdin(&self) -> bool {
        self.prompt == ["-"]
    }

    /// The backend it would run on, whether that is there or not.
    pub(crate) fn planned_backend(&self, prepared: &Prepared) -> &'static str {
        prepared.query.backend_name().unwrap_or(if self.backend == BackendKind::Claude { "claude" } else { "api" })
    }

    fn session(&self) -> Result<Session, Error> {
        match &self.resume {
            Some(id) => Ok(Session::Resume { id: id.clone(), fork: self.fork }),
            None if self.go_on => Ok(Session::Continue { fork: self.fork }),
            None if self.fork => Err(Error::Invalid("--fork needs --continue or --resume".to_owned())),
            None => Ok(Session::New),
        }
    }

    fn client(&self, template: Option<&Template>, context: &Context) -> Client {
        let limits =
            Limits { first_token: self.first_token_timeout.0, idle: self.idle_timeout.0, total: self.timeout.0 };
        let mut builder = Client::builder()
            .backend(self.backend)
            .limits(limits)
            .retries(self.retries)
            .max_tokens(self.max_tokens)
            .prices(context.prices());
        if let Some(model) = self.model.as_deref().or(template.and_then(|t| t.model.as_deref())) {
            builder = builder.model(context.config.alias(model).unwrap_or(model));
        }
        if let Some(system) = self.system.as_ref().or(template.and_then(|t| t.system.as_ref())) {
            builder = builder.system(system);
        }
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(claude) = &self.claude {
            builder = builder.claude_path(claude);
        }
        for arg in &self.claude_args {
            builder = builder.claude_arg(arg);
        }
        builder.build()
    }

    /// The prompt: the arguments, then what comes on stdin. Only where something
    /// else makes up for it may it be empty.
    fn text(&self, may_be_empty: bool) -> anyhow::Result<String> {
        // `-` is stdin, as it is for other programs.
        let mut prompt = if self.is_stdin() { String::new() } else { self.prompt.join(" ") };
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
        if prompt.trim().is_empty() && !may_be_empty {
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
