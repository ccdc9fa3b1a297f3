//! `claude-cli man`: the man pages, one for each command.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use crate::{
    cli::Cli,
    help::{ENVIRONMENT, EXIT_CODES, Entry, FILES, PRECEDENCE, examples},
};

const NAME: &str = "claude-cli";

/// Write the man pages, one for each command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write them to
    #[arg(value_name = "FOLDER", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&args.folder).with_context(|| format!("cannot create {}", args.folder.display()))?;
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    write(&root, NAME, &args.folder)?;
    Ok(ExitCode::SUCCESS)
}

fn write(command: &Command, name: &str, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(format!("{name}.1"));
    let page = page(command, name).with_context(|| format!("cannot render {name}.1"))?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    for sub in command.get_subcommands() {
        write(sub, &format!("{name}-{}", sub.get_name()), folder)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    // The options have their section: a synopsis that lists all of them is not read.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .title(name.to_uppercase())
        .source(concat!("claude-cli ", env!("CARGO_PKG_VERSION")))
        .manual(NAME)
        // None, or every build would differ; an empty one would be left out, and the rest move up.
        .date(" ");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    // `profile query` has the examples of `profile`, and not those of `query`.
    let examples = match name.split('-').nth(2) {
        Some(measuring @ ("profile" | "bench")) => examples(measuring),
        _ => examples(command.get_name()),
    };
    if !examples.is_empty() {
        section(&mut roff, "EXAMPLES", examples);
    }
    if name == NAME {
        exit_status(&mut roff);
        section(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
        section(&mut roff, "FILES", &FILES);
    } else {
        let above = name.trim_end_matches(command.get_name()).trim_end_matches('-');
        roff.control("SH", ["EXIT STATUS"]);
        roff.text([roman("As in "), bold(NAME), roman("(1).")]);
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold(above), roman("(1)")]);
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn section(roff: &mut Roff, title: &str, entries: &[Entry]) {
    roff.control("SH", [title]);
    for (term, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for (code, _, meaning) in EXIT_CODES {
        // Room for three digits and a gap.
        roff.control("TP", ["6"]);
        roff.text([bold(code)]);
        roff.text([roman(meaning)]);
    }
    roff.control("PP", []);
    roff.text([roman(PRECEDENCE)]);
}
