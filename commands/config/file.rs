//! The config file: read, checked, and made the defaults of the command line.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use claude_cli::{Error, Result};
use toml_edit::{DocumentMut, Item, Table};

use super::keys::{ALIASES, KEYS, Key, Kind, Of, similar};
use crate::context::config_folder;

/// What the file says, or nothing if there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<&'static str, Vec<String>>,
    aliases: BTreeMap<String, String>,
}

/// The value of a global option, read from the arguments themselves: for what
/// decides how they are read, and how it is told that they cannot be.
pub(crate) fn peek(args: &[OsString], option: &str) -> Option<OsString> {
    let mut args = args.iter().skip(1).take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        if arg == option {
            return args.next().cloned();
        }
        if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix(option)?.strip_prefix('=')) {
            return Some(value.into());
        }
    }
    None
}

/// The file: `--config`, `CLAUDE_CLI_CONFIG`, or the one in the config folder.
fn locate(args: &[OsString]) -> Option<PathBuf> {
    let named = || env::var_os("CLAUDE_CLI_CONFIG").filter(|path| !path.is_empty());
    peek(args, "--config")
        .or_else(named)
        .map(PathBuf::from)
        .or_else(|| Some(config_folder().ok()?.join("config.toml")))
}

impl ConfigFile {
    pub(crate) fn load(args: &[OsString]) -> Result<Self> {
        locate(args).map_or_else(|| Ok(Self::default()), |path| Self::read(&path))
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self { path: path.to_owned(), ..Self::default() }),
            Err(e) => Err(Error::io(format!("cannot read {}", path.display()), e)),
        }
    }

    /// Checks a file's text: unknown keys and wrong types are errors with their line.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        let document: toml_edit::Document<String> = text
            .to_owned()
            .parse()
            .map_err(|e: toml_edit::TomlError| Error::Invalid(format!("{}: {e}", path.display())))?;
        let mut config = Self { path: path.to_owned(), ..Self::default() };
        for (name, item) in document.iter() {
            let start = document
                .key(name)
                .and_then(toml_edit::Key::span)
                .or_else(|| item.span())
                .map_or(0, |span| span.start);
            let line = text[..start.min(text.len())].matches('\n').count() + 1;
            let wrong = |what: String| Error::Invalid(format!("{}:{line}: {what}", path.display()));
            if name == ALIASES {
                let table = item.as_table_like().ok_or_else(|| wrong(format!("`{ALIASES}` is a table")))?;
                for (alias, model) in table.iter() {
                    let model = model.as_str().ok_or_else(|| wrong(format!("alias `{alias}` is not a text")))?;
                    config.aliases.insert(alias.to_owned(), model.to_owned());
                }
                continue;
            }
            let key = Key::find(name).ok_or_else(|| {
                let meant = similar(name).map_or_else(String::new, |key| format!("; did you mean `{key}`?"));
                wrong(format!("unknown key `{name}`{meant}"))
            })?;
            config.values.insert(key.name, values(key, item).map_err(wrong)?);
        }
        Ok(config)
    }

    /// The file that was not read, because it is broken.
    pub(crate) fn unread(args: &[OsString]) -> Self {
        Self { path: locate(args).unwrap_or_default(), ..Self::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&[String]> {
        self.values.get(key.name).map(Vec::as_slice)
    }

    /// The model that a name stands for.
    pub(crate) fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }

    /// The names for models, and what they stand for.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.aliases.iter().map(|(alias, model)| (alias.as_str(), model.as_str()))
    }

    /// Makes what the file says the defaults of the command line.
    pub(crate) fn defaults(&self, mut command: clap::Command) -> clap::Command {
        for (name, values) in &self.values {
            let Some(key) = Key::find(name) else { continue };
            let set = |command: clap::Command| {
                let values = values.clone();
                command.mut_arg(key.name, |arg| arg.default_values(values))
            };
            command = match key.of {
                Of::All => set(command),
                Of::Serve => command.mut_subcommand("serve", set),
                Of::Prompts => {
                    let measured = |command: clap::Command| command.mut_subcommand("query", set);
                    command
                        .mut_subcommand("query", set)
                        .mut_subcommand("stream", set)
                        .mut_subcommand("profile", measured)
                        .mut_subcommand("bench", measured)
                }
            };
        }
        command
    }

    /// Says which value of the file an option does not take.
    pub(crate) fn check(&self, command: &clap::Command) -> Result<()> {
        for key in &KEYS {
            for value in self.get(key).unwrap_or_default() {
                check(command, key, value).map_err(|e| Error::Invalid(format!("{}: {e}", self.path.display())))?;
            }
        }
        Ok(())
    }
}

/// Whether the option that a key is the default of takes a value.
pub(super) fn check(command: &clap::Command, key: &Key, value: &str) -> Result<(), String> {
    let option = format!("{}={value}", key.option());
    let args: &[&str] = match key.of {
        Of::All | Of::Prompts => &["claude-cli", "query", &option, "x"],
        Of::Serve => &["claude-cli", "serve", &option],
    };
    match command.clone().try_get_matches_from(args) {
        Ok(_) => Ok(()),
        Err(e) => {
            let text = e.to_string();
            let reason = text.lines().next().unwrap_or_default();
            Err(format!("`{}`: {}", key.name, reason.trim_start_matches("error: ")))
        }
    }
}

fn values(key: &Key, item: &Item) -> Result<Vec<String>, String> {
    let text = |item: &toml_edit::Value| item.as_str().map(str::to_owned);
    let whole = item.as_integer().map(|n| n.to_string());
    let value = match key.kind {
        Kind::Text => item.as_str().map(str::to_owned).map(|text| vec![text]),
        Kind::Amount => {
            let number = whole.or_else(|| item.as_float().map(|n| n.to_string()));
            item.as_str().map(str::to_owned).or(number).map(|text| vec![text])
        }
        Kind::Whole => whole.map(|n| vec![n]),
        Kind::Switch => item.as_bool().map(|b| vec![b.to_string()]),
        Kind::List => item.as_array().and_then(|array| array.iter().map(text).collect()),
    };
    let expected = match key.kind {
        Kind::Text => "a text",
        Kind::Amount => "a text or a number",
        Kind::Whole => "a whole number",
        Kind::Switch => "true or false",
        Kind::List => "a list of texts",
    };
    value.ok_or_else(|| format!("`{}` is {expected}", key.name))
}

/// The file's text with a key set; its comments stay.
pub(super) fn with(text: &str, key: &Key, value: &str) -> Result<String, String> {
    let mut document = parse(text)?;
    let item = match key.kind {
        Kind::Text | Kind::Amount => toml_edit::value(value),
        Kind::Whole => {
            toml_edit::value(value.parse::<i64>().map_err(|_| format!("`{value}` is no whole number"))?)
        }
        Kind::Switch => {
            toml_edit::value(value.parse::<bool>().map_err(|_| format!("`{value}` is not true or false"))?)
        }
        Kind::List => toml_edit::value(value.split(',').map(str::trim).collect::<toml_edit::Array>()),
    };
    put(document.as_table_mut(), key.name, item);
    Ok(document.to_string())
}

/// The file's text with a name for a model.
pub(super) fn with_alias(text: &str, alias: &str, model: &str) -> Result<String, String> {
    let mut document = parse(text)?;
    let aliases = document.entry(ALIASES).or_insert_with(|| Item::Table(Table::new()));
    let aliases = aliases.as_table_like_mut().ok_or_else(|| format!("`{ALIASES}` is not a table"))?;
    match aliases.get_mut(alias) {
        Some(old) => replace(old, toml_edit::value(model)),
        None => drop(aliases.insert(alias, toml_edit::value(model))),
    }
    Ok(document.to_string())
}

/// The file's text without a key or alias; `None` if it is not there.
pub(super) fn without(text: &str, name: &str) -> Result<Option<String>, String> {
    let mut document = parse(text)?;
    let aliases =
        |document: &mut DocumentMut, alias: &str| document.get_mut(ALIASES)?.as_table_like_mut()?.remove(alias);
    let removed = match name.strip_prefix("aliases.") {
        Some(alias) => aliases(&mut document, alias),
        None => document.remove(name),
    };
    Ok(removed.map(|_| document.to_string()))
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|e: toml_edit::TomlError| e.to_string())
}

fn put(table: &mut Table, name: &str, item: Item) {
    match table.get_mut(name) {
        Some(old) => replace(old, item),
        None => drop(table.insert(name, item)),
    }
}

/// A new value in the place of the old one, and with its comment.
fn replace(old: &mut Item, mut new: Item) {
    if let (Some(old), Some(new)) = (old.as_value(), new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    *old = new;
}
