//! `claude-cli config`: the config file and the price table.

mod file;
mod keys;
mod prices;

use std::{
    fs,
    io::{Write, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::{CommandFactory, Subcommand};
use claude_cli::Error;
use serde_json::json;

use self::keys::{ALIASES, Kind, similar};
pub(crate) use self::{
    file::{ConfigFile, peek},
    keys::{KEYS, Key, closest},
};
use crate::{
    cli::Cli,
    context::{Context, variable},
    output::{Column, Report, Value},
};

/// Read and change the config file.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is set, or one key
    Get {
        /// The key; without it, all of them
        key: Option<String>,
    },
    /// Set a key
    Set {
        /// The key; `aliases.NAME` for the name of a model
        key: String,
        /// Its value; a list is separated by commas
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take a key out
    Unset {
        /// The key
        key: String,
    },
    /// Print where the file is
    Path,
    /// Open the file in $VISUAL or $EDITOR, and check it
    Edit,
    /// Show the price table in force
    Prices(prices::Args),
    /// Print the file's JSON schema
    Schema,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Get { key } => get(key.as_deref(), context)?,
            Self::Set { key, value } => set(&key, &value, context)?,
            Self::Unset { key } => unset(&key, context)?,
            Self::Path => writeln!(stdout(), "{}", context.config.path().display())?,
            Self::Edit => return edit(context),
            Self::Prices(args) => prices::run(&args, context)?,
            Self::Schema => writeln!(stdout(), "{:#}", keys::json_schema(&Cli::command()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn known(name: &str) -> Result<&'static Key, Error> {
    Key::find(name).ok_or_else(|| {
        let meant = similar(name).map_or_else(String::new, |key| format!("; did you mean `{key}`?"));
        Error::Invalid(format!("unknown key `{name}`{meant}"))
    })
}

fn get(key: Option<&str>, context: &Context) -> anyhow::Result<()> {
    if let Some(name) = key {
        let value = match alias(name) {
            Some(alias) => context.config.alias(alias).map(str::to_owned),
            None => context.config.get(known(name)?).map(|values| values.join(",")),
        };
        let value = value.ok_or_else(|| anyhow::anyhow!("`{name}` is not set"))?;
        writeln!(stdout(), "{value}")?;
        return Ok(());
    }
    let column = |name, title| Column { name, title, right: false, optional: false };
    let columns = vec![column("key", "Key"), column("value", "Value"), column("about", "About")];
    let shown = |key: &Key| context.config.get(key).map(|values| values.join(","));
    let keys = KEYS.iter().map(|key| (key.name.to_owned(), shown(key), key.about));
    let aliases = context.config.aliases();
    let aliases =
        aliases.map(|(alias, model)| (format!("{ALIASES}.{alias}"), Some(model.to_owned()), "A model's name."));
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for (name, value, about) in keys.chain(aliases) {
        lines.push(json!({ "key": name, "value": value }));
        rows.push(vec![Value::text(name), Value::text(value.unwrap_or_default()), Value::text(about)]);
    }
    let report = Report {
        columns,
        rows,
        totals: None,
        json: json!({ "schema": "claude-cli/config@1", "path": context.config.path(), "keys": lines }),
        lines,
    };
    report.write(context.format(), context.width())
}

/// The alias in `aliases.NAME`.
fn alias(name: &str) -> Option<&str> {
    name.strip_prefix(ALIASES)?.strip_prefix('.')
}

fn set(name: &str, value: &str, context: &Context) -> anyhow::Result<()> {
    let path = context.config.path();
    let text = if path.exists() { read(path)? } else { String::new() };
    let changed = if let Some(alias) = alias(name) {
        file::with_alias(&text, alias, value)
    } else {
        let key = known(name)?;
        let values = if key.kind == Kind::List { value.split(',').collect() } else { vec![value] };
        for value in values {
            file::check(&Cli::command(), key, value.trim()).map_err(Error::Invalid)?;
        }
        file::with(&text, key, value)
    };
    write(path, &changed.map_err(|e| Error::Invalid(format!("{}: {e}", path.display())))?)
}

/// Takes out a key, also one that does not belong there.
fn unset(name: &str, context: &Context) -> anyhow::Result<()> {
    let path = context.config.path();
    let text = if path.exists() { read(path)? } else { String::new() };
    match file::without(&text, name).map_err(|e| Error::Invalid(format!("{}: {e}", path.display())))? {
        Some(changed) => write(path, &changed),
        // That it is not set is what is wanted, if it can be set at all.
        None if alias(name).is_some() => Ok(()),
        None => Ok(known(name).map(|_| ())?),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Written aside and renamed, so that the file is never half of one.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    // A link stays one: it may point into a folder of dotfiles.
    let real = fs::canonicalize(path);
    let path = real.as_deref().unwrap_or(path);
    let aside = path.with_extension("toml.part");
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&aside, text)?;
        fs::rename(&aside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn edit(context: &Context) -> anyhow::Result<ExitCode> {
    let path = context.config.path();
    if !path.exists() {
        write(path, "# See `claude-cli config get` for the keys.\n")?;
    }
    let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // An editor may come with arguments of its own: `code --wait`.
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .status()
        .with_context(|| format!("cannot start {editor}"))?;
    if !status.success() {
        bail!("{editor} ended with {status}");
    }
    let config = ConfigFile::parse(path, &read(path)?)?;
    config.check(&Cli::command())?;
    Ok(ExitCode::SUCCESS)
}
