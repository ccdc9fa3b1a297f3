//! The options of `query --batch`.

use std::path::PathBuf;

/// What only a batch takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BatchArgs {
    /// Run every line of this file, `-` for stdin: {"prompt":…}, with optional id, model, system, tags
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Batch",
        conflicts_with_all = ["prompt", "output", "go_on", "resume", "dry_run"])]
    pub(crate) batch: Option<PathBuf>,
    /// How many prompts run at once [default: 2]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256),
        help_heading = "Batch")]
    pub(crate) jobs: Option<u16>,
    /// Write results as they come, not in the order of their lines
    #[arg(long, help_heading = "Batch")]
    pub(crate) unordered: bool,
    /// Leave out the lines that an earlier output of this batch has answers to
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Batch")]
    pub(crate) resume_from: Option<PathBuf>,
    /// Start a `claude` program for each prompt, rather than keep some running
    #[arg(long, help_heading = "Batch")]
    pub(crate) cold: bool,
}

impl BatchArgs {
    /// The first option given that means nothing without a batch.
    pub(crate) fn meaningless_alone(&self) -> Option<&'static str> {
        let given = [
            (self.jobs.is_some(), "--jobs"),
            (self.unordered, "--unordered"),
            (self.resume_from.is_some(), "--resume-from"),
            (self.cold, "--cold"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, option)| option).filter(|_| self.batch.is_none())
    }
}
