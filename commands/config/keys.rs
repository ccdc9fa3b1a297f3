//! What the config file may say.

use serde_json::{Map, Value, json};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A text, or a number that is as good as its digits: `max_cost = 0.5`.
    Amount,
    Whole,
    Switch,
    List,
}

/// What a key is an option of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// Every command.
    All,
    /// `query` and `stream`.
    Prompts,
    /// `serve`.
    Serve,
}

/// A key of the file: the default of an option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) of: Of,
    pub(crate) about: &'static str,
}

/// The table of names for models.
pub(crate) const ALIASES: &str = "aliases";

const fn of_prompts(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, of: Of::Prompts, about }
}

const fn of_all(name: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text, of: Of::All, about }
}

const fn of_serve(name: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text, of: Of::Serve, about }
}

/// All keys. Each is named after the option whose default it is.
pub(crate) const KEYS: [Key; 19] = [
    of_prompts("backend", Kind::Text, "What prompts run on: auto, claude, api or simulated."),
    of_prompts("model", Kind::Text, "The model, by name or alias."),
    of_prompts("system", Kind::Text, "The system prompt."),
    of_prompts("timeout", Kind::Amount, "The longest a run may take, such as 10m, or none."),
    of_prompts("first_token_timeout", Kind::Amount, "The longest to wait for the first token."),
    of_prompts("idle_timeout", Kind::Amount, "The longest silence after it."),
    of_prompts("retries", Kind::Whole, "How often a request that may be retried is retried."),
    of_prompts("max_tokens", Kind::Whole, "The most output tokens of an answer."),
    of_prompts("max_cost", Kind::Amount, "The most that a run may cost, in USD."),
    of_prompts("cache_size", Kind::Whole, "How many megabytes the cache may hold."),
    of_prompts("claude", Kind::Text, "The `claude` program."),
    of_prompts("ca_file", Kind::Text, "Further certificate authorities for the `api` backend, as PEM."),
    of_prompts("tag", Kind::List, "Tags of every run, as KEY=VALUE."),
    of_prompts("log_text", Kind::Switch, "Whether prompts and answers are kept in the ledger."),
    of_serve("token_file", "A file with the token that clients of `serve` have to know."),
    of_all("format", "How reports are written: table, json, ndjson, csv or markdown."),
    of_all("db", "The ledger."),
    of_all("tz", "The time zone of days and hours."),
    of_all("color", "When to use colour: auto, always or never."),
];

impl Of {
    /// A command that has the option.
    pub(crate) fn command(self, all: &clap::Command) -> Option<&clap::Command> {
        match self {
            Self::All => Some(all),
            Self::Prompts => all.find_subcommand("query"),
            Self::Serve => all.find_subcommand("serve"),
        }
    }
}

impl Key {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The option, as it is typed.
    pub(crate) fn option(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// What its value is, as a JSON schema.
    fn schema(&self, command: &clap::Command) -> Value {
        let mut schema = match self.kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Amount => json!({ "type": ["string", "number"] }),
            Kind::Whole => json!({ "type": "integer", "minimum": 0 }),
            Kind::Switch => json!({ "type": "boolean" }),
            Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        };
        let of = self.of.command(command);
        let option = of.and_then(|command| command.get_arguments().find(|arg| arg.get_id() == self.name));
        let choices: Vec<_> = option.map(clap::Arg::get_possible_values).unwrap_or_default();
        if self.kind == Kind::Text && !choices.is_empty() {
            schema["enum"] = choices.iter().map(clap::builder::PossibleValue::get_name).collect();
        }
        schema["description"] = json!(self.about);
        schema
    }
}

/// The key that was probably meant.
pub(crate) fn similar(name: &str) -> Option<&'static str> {
    let known = KEYS.iter().map(|key| key.name).chain([ALIASES]);
    closest(name, known)
}

/// The closest of some names, if any is close.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The file's JSON schema.
pub(crate) fn json_schema(command: &clap::Command) -> Value {
    let mut properties = Map::new();
    for key in &KEYS {
        properties.insert(key.name.to_owned(), key.schema(command));
    }
    properties.insert(
        ALIASES.to_owned(),
        json!({
            "type": "object", "description": "Names for models.", "additionalProperties": { "type": "string" },
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.toml of claude-cli",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}
