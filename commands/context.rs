//! What commands share: config, paths, zone, terminal, and the price table.

use std::{
    cell::OnceCell,
    env,
    io::{IsTerminal, stderr, stdout},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context as _;
use claude_cli::{analytics::parse_zone, measure::Collector, pricing::PriceTable};
use etcetera::{BaseStrategy, base_strategy::Xdg};
use jiff::tz::TimeZone;

use crate::{config::ConfigFile, output::Format};

/// The folder of this program within the XDG folders.
const FOLDER: &str = "claude-cli";
const DEFAULT_WIDTH: usize = 80;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set; always if CLICOLOR_FORCE is
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Global {
    /// How reports are written [default: table on a terminal, json in a pipe]
    #[arg(
        long,
        global = true,
        value_enum,
        env = "CLAUDE_CLI_FORMAT",
        hide_env_values = true,
        help_heading = "Global options"
    )]
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
    /// The config file [default: $XDG_CONFIG_HOME/claude-cli/config.toml]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CLAUDE_CLI_CONFIG",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    config: Option<PathBuf>,
    /// Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30
    #[arg(long, global = true, value_name = "ZONE", default_value = "local", help_heading = "Global options")]
    tz: String,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    color: Color,
    /// Do not look for what is new in the transcripts before a report
    #[arg(long, global = true, help_heading = "Global options")]
    no_import: bool,
    /// Compute every report anew, and keep none
    #[arg(long, global = true, help_heading = "Global options")]
    no_cache: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Tell on stderr what is being done; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = "Global options")]
    verbose: u8,
}

pub(crate) struct Context {
    global: Global,
    /// Stdout is a terminal, or was when this process started.
    terminal: bool,
    /// It is not the user who asks, but a measurement.
    measured: bool,
    pub(crate) config: ConfigFile,
    pub(crate) tz: TimeZone,
    prices: OnceCell<Arc<PriceTable>>,
}

impl Context {
    pub(crate) fn new(global: Global, config: ConfigFile) -> anyhow::Result<Self> {
        let tz = parse_zone(&global.tz)?;
        let terminal = stdout().is_terminal();
        Ok(Self { global, terminal, measured: false, config, tz, prices: OnceCell::new() })
    }

    /// The same for a command that is measured, with a ledger of its own if one is
    /// named.
    pub(crate) fn measured(&self, ledger: Option<PathBuf>) -> Self {
        let mut global = self.global.clone();
        global.db = ledger.or(global.db);
        Self {
            global,
            terminal: self.terminal,
            measured: true,
            config: self.config.clone(),
            tz: self.tz.clone(),
            prices: OnceCell::new(),
        }
    }

    /// Whether it is a measurement that asks.
    pub(crate) const fn is_measured(&self) -> bool {
        self.measured
    }

    /// Has what is done told of: on stderr if that is wanted, and to a collector.
    pub(crate) fn trace(&self, collector: Option<&Collector>) {
        trace(self.global.verbose, collector);
    }

    /// The ledger's file.
    pub(crate) fn ledger_path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.global.db.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            return Ok(path.clone());
        }
        Ok(data_folder()?.join("ledger.db"))
    }

    /// The price table in force. A broken one in the config folder is reported
    /// and the embedded one used: it must not keep a prompt from running.
    pub(crate) fn prices(&self) -> Arc<PriceTable> {
        let load = || {
            let loaded = config_folder().and_then(|folder| Ok(PriceTable::load(&folder)?));
            Arc::new(loaded.unwrap_or_else(|error| {
                self.note(&format!("warning: {error:#}; using the built-in prices"));
                PriceTable::embedded().clone()
            }))
        };
        Arc::clone(self.prices.get_or_init(load))
    }

    /// How to write a report.
    pub(crate) fn format(&self) -> Format {
        self.global.format.unwrap_or(if self.terminal { Format::Table } else { Format::Json })
    }

    /// The format asked for, if any was.
    pub(crate) const fn asked_format(&self) -> Option<Format> {
        self.global.format
    }

    /// The zone, as it was asked for.
    pub(crate) fn zone(&self) -> &str {
        &self.global.tz
    }

    /// Columns of the terminal.
    pub(crate) fn width(&self) -> usize {
        let columns = env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
        columns.filter(|&n| n > 0).unwrap_or_else(|| {
            match rustix::termios::tcgetwinsize(stdout()) {
                // A terminal that was never told its size says 0.
                Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).max(20),
                _ => DEFAULT_WIDTH,
            }
        })
    }

    /// Whether stdout may be coloured.
    pub(crate) fn colors_stdout(&self) -> bool {
        colors(self.global.color, self.terminal)
    }

    /// Whether stdout may be coloured where whoever reads it shows colours
    /// though it is no terminal.
    pub(crate) fn colors_captured(&self) -> bool {
        colors(self.global.color, true)
    }

    /// Whether stderr may be coloured.
    pub(crate) fn colors_stderr(&self) -> bool {
        colors(self.global.color, stderr().is_terminal())
    }

    /// Whether reports read what is new in the transcripts first.
    pub(crate) const fn imports(&self) -> bool {
        !self.global.no_import
    }

    /// Whether answers may come from a cache.
    pub(crate) const fn caches(&self) -> bool {
        !self.global.no_cache
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

fn colors(when: Color, terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if variable("NO_COLOR").is_some() => false,
        Color::Auto => terminal || variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
    }
}

/// Tells on stderr what is being done.
fn trace(verbose: u8, collector: Option<&Collector>) {
    let level = match verbose {
        0 if collector.is_none() => return,
        0 => tracing_subscriber::filter::LevelFilter::OFF,
        1 => tracing_subscriber::filter::LevelFilter::DEBUG,
        _ => tracing_subscriber::filter::LevelFilter::TRACE,
    };
    // Of ourselves alone: other crates would tell of headers, and keys are in them.
    let ours = tracing_subscriber::filter::filter_fn(|metadata| metadata.target().starts_with("claude_cli"));
    use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_filter(ours)
        .with_filter(level);
    // Only the first of a process counts.
    let _ = tracing_subscriber::registry().with(layer).with(collector.map(Collector::layer)).try_init();
}

/// The folder of the config file, the price table and the templates.
pub(crate) fn config_folder() -> anyhow::Result<PathBuf> {
    Ok(xdg()?.config_dir().join(FOLDER))
}

/// The folder of the ledger.
pub(crate) fn data_folder() -> anyhow::Result<PathBuf> {
    Ok(xdg()?.data_dir().join(FOLDER))
}

/// The folder of what can be deleted at any time.
pub(crate) fn cache_folder() -> anyhow::Result<PathBuf> {
    Ok(xdg()?.cache_dir().join(FOLDER))
}

fn xdg() -> anyhow::Result<Xdg> {
    Xdg::new().context("there is no home folder: set HOME, or name the ledger with --db")
}

/// A variable of the environment; one that is set but empty counts as unset.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
