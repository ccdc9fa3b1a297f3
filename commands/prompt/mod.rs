//! What `query` and `stream` share: the prompt and how to run it.

mod args;
mod plan;
mod schema;
mod template;

use std::{
    collections::BTreeSet,
    io::{self, Read, stdin},
    rc::Rc,
};

use anyhow::{Context as _, bail};
use claude_cli::{
    Client, Error, QueryBuilder,
    client::{Attachment, BackendKind, Limits, Request, Session},
};
use rustix::fs::{FileType, fstat};

use self::{args::parse_tag, template::Template};
pub(crate) use self::{
    args::{Output, PromptArgs},
    plan::{USUAL_MODEL, show_plan},
    schema::Schema,
    template::names as template_names,
};
use crate::context::{Context, config_folder, variable};

/// How many prompts a program that is kept running gets. Its memory grows by
/// half over the first hundred.
const USES: u32 = 100;

/// A prompt and how to run it, with everything read that it takes.
pub(crate) struct Prepared {
    query: QueryBuilder,
    prompt: String,
    pub(crate) schema: Option<Rc<Schema>>,
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

    /// With another model or system prompt, where one is given.
    pub(crate) fn with(mut self, model: Option<&str>, system: Option<&str>) -> Self {
        if let Some(model) = model {
            self.query = self.query.model(model);
        }
        if let Some(system) = system {
            self.query = self.query.system(system);
        }
        self
    }

    /// Within no budget that its backend would have to know of.
    pub(crate) fn without_budget(mut self) -> Self {
        self.query = self.query.no_max_cost();
        self
    }

    pub(crate) const fn request(&self) -> &Request {
        self.query.request()
    }

    pub(crate) fn backend_name(&self) -> Result<&'static str, Error> {
        self.query.backend_name()
    }
}

/// All that prompts of the same options share, read before anything is run.
pub(crate) struct Frame<'a> {
    args: &'a PromptArgs,
    client: Client,
    template: Option<Template>,
    schema: Option<Rc<Schema>>,
    files: Vec<Attachment>,
    session: Session,
}

impl Frame<'_> {
    /// A prompt by these options.
    pub(crate) fn prepare(&self, typed: String) -> anyhow::Result<Prepared> {
        let prompt = match &self.template {
            Some(template) => template.fill(&typed, &self.args.variables)?,
            None => typed,
        };
        if prompt.trim().is_empty() {
            bail!(Error::Invalid("there is no prompt: give it as an argument or on stdin".to_owned()));
        }
        let mut query = self.client.query(prompt.clone()).session(self.session.clone());
        for file in &self.files {
            query = query.file(file.clone());
        }
        if let Some(schema) = &self.schema {
            query = query.json_schema(schema.json().clone());
        }
        if let Some(nanos) = self.args.max_cost {
            query = query.max_cost(nanos);
        }
        let prepared = Prepared { query, prompt, schema: self.schema.clone() };
        if self.args.dry_run || prepared.query.backend_name().is_ok() {
            prepared.query.request().supported_by(self.args.planned_backend(&prepared))?;
        }
        Ok(prepared)
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }
}

impl PromptArgs {
    /// Reads all that the run needs, before anything is run.
    pub(crate) fn prepare(&self, context: &Context) -> anyhow::Result<Prepared> {
        let frame = self.frame(context, None)?;
        let typed = self.text(frame.template.is_some() || !frame.files.is_empty())?;
        frame.prepare(typed)
    }

    /// Reads all that prompts by these options share; `warm` is how many
    /// programs may be kept running from one to the next.
    pub(crate) fn frame(&self, context: &Context, warm: Option<usize>) -> anyhow::Result<Frame<'_>> {
        let template = match &self.template {
            Some(name) => Some(Template::read(&config_folder()?, name)?),
            None => None,
        };
        let schema = self.json_schema.as_deref().map(Schema::read).transpose()?.map(Rc::new);
        let files = self.files.iter().map(|path| Attachment::read(path)).collect::<Result<Vec<_>, _>>()?;
        let client = self.client(template.as_ref(), context, warm);
        Ok(Frame { args: self, client, template, schema, files, session: self.session()? })
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
            (self.cache.is_some(), "--cache"),
            (!self.claude_args.is_empty(), "--"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, option)| option)
    }

    /// The same without stdin, with what was there in the prompt: so it can be run
    /// more than once.
    pub(crate) fn with_stdin_read(mut self) -> anyhow::Result<Self> {
        let text = self.text(self.template.is_some() || !self.files.is_empty())?;
        self.prompt = if text.is_empty() { Vec::new() } else { vec![text] };
        self.no_stdin = true;
        Ok(self)
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

    fn client(&self, template: Option<&Template>, context: &Context, warm: Option<usize>) -> Client {
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
        if let Some(most) = warm {
            builder = builder.warm(most, USES);
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
