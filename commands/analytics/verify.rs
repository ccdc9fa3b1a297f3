//! `claude-cli analytics verify`: prove that the rollups say what the rows say.

use std::process::ExitCode;

use claude_cli::store::SqliteLedger;
use serde_json::json;

use crate::{
    context::Context,
    output::{Format, thousands},
};

/// Check the ledger's file and recompute its rollups from its rows.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Replace damaged rollups by what the rows say
    #[arg(long)]
    repair: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let path = context.ledger_path()?;
    if !path.exists() {
        context.note(&format!("no ledger yet at {}", path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let found = SqliteLedger::open(&path)?.verify(args.repair)?;
    match context.format() {
        Format::Table | Format::Markdown | Format::Csv => {
            println!("{} rows, {} rollup cells", thousands(found.rows as i64), thousands(found.cells as i64));
            if found.unprovable > 0 {
                println!(
                    "{} more cells cannot be proved: their rows were pruned",
                    thousands(found.unprovable as i64)
                );
            }
            for problem in &found.problems {
                println!("- {problem}");
            }
            println!(
                "{}",
                if found.repaired {
                    "repaired"
                } else if found.problems.is_empty() {
                    "sound"
                } else {
                    "damaged"
                }
            );
        }
        Format::Json | Format::Ndjson => println!(
            "{}",
            json!({
                "schema": "claude-cli/verify@1", "rows": found.rows, "cells": found.cells,
                "unprovable": found.unprovable,
                "problems": found.problems, "repaired": found.repaired,
            })
        ),
    }
    let sound = found.problems.is_empty() || found.repaired;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
