//! What commands share: paths, zone, terminal, and the ledger when they need it.

use std::{
    env,
    io::{IsTerminal, stdout},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context as _;
use claude_cli::{analytics::parse_zone, pricing::PriceTable};
use etcetera::{BaseStrategy, base_strategy::Xdg};
use jiff::tz::TimeZone;

use crate::output::Format;

/// The folder of this program within the XDG folders.
const FOLDER: &str = "claude-cli";
const DEFAULT_WIDTH: usize = 80;

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Global {
    /// How reports are written [default: table on a terminal, json in a pipe]
    #[arg(long, global = true, value_enum, help_heading = "Global options")]
    format: Option<Format>,
    /// The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CLAUDE_CLI_DB",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    db: Option<PathBuf>,
    /// Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30
    #[arg(long, global = true, value_name = "ZONE", default_value = "local", help_heading = "Global options")]
    tz: String,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
}

pub(crate) struct Context {
    global: Global,
    pub(crate) tz: TimeZone,
}

impl Context {
    pub(crate) fn new(global: Global) -> anyhow::Result<Self> {
        let tz = parse_zone(&global.tz)?;
        Ok(Self { global, tz })
    }

    /// The ledger's file.
    pub(crate) fn ledger_path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.global.db.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            return Ok(path.clone());
        }
        Ok(xdg()?.data_dir().join(FOLDER).join("ledger.db"))
    }

    /// The price table in force. A broken one in the config folder is reported
    /// and the embedded one used: it must not keep a prompt from running.
    pub(crate) fn prices(&self) -> Arc<PriceTable> {
        let loaded = xdg().and_then(|xdg| Ok(PriceTable::load(&xdg.config_dir().join(FOLDER))?));
        Arc::new(loaded.unwrap_or_else(|error| {
            self.note(&format!("warning: {error:#}; using the built-in prices"));
            PriceTable::embedded().clone()
        }))
    }

    /// How to write a report.
    pub(crate) fn format(&self) -> Format {
        self.global.format.unwrap_or_else(|| if stdout().is_terminal() { Format::Table } else { Format::Json })
    }

    /// Columns of the terminal.
    pub(crate) fn width(&self) -> usize {
        let columns = env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
        columns.filter(|&n| n > 0).unwrap_or_else(|| {
            rustix::termios::tcgetwinsize(stdout()).map_or(DEFAULT_WIDTH, |size| usize::from(size.ws_col).max(20))
        })
    }

    pub(crate) const fn quiet(&self) -> bool {
        self.global.quiet
    }

    /// A word on stderr, unless that is unwanted.
    pub(crate) fn note(&self, text: &str) {
        if !self.global.quiet {
            eprintln!("claude-cli: {text}");
        }
    }
}

fn xdg() -> anyhow::Result<Xdg> {
    Xdg::new().context("there is no home folder: set HOME, or name the ledger with --db")
}

/// A variable of the environment; one that is set but empty counts as unset.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
