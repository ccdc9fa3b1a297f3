//! Results that are kept for later.

use std::{fs, io::Write, path::PathBuf};

use anyhow::Context as _;
use claude_cli::{
    Error,
    analytics::WholeFile,
    measure::bench::{BENCH_SCHEMA, Results},
};

use crate::context::data_folder;

pub(super) fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.starts_with('.') || !text.chars().all(plain) {
        return Err("a name has letters, digits, `-`, `_` and `.`".to_owned());
    }
    Ok(text.to_owned())
}

fn path(name: &str) -> anyhow::Result<PathBuf> {
    Ok(data_folder()?.join("baselines").join(format!("{name}.json")))
}

pub(super) fn write(name: &str, results: &Results) -> anyhow::Result<()> {
    let path = path(name)?;
    let save = || -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = WholeFile::create(&path)?;
        file.write_all(&serde_json::to_vec_pretty(results)?)?;
        Ok(file.finish()?)
    };
    save().with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn read(name: &str) -> anyhow::Result<Results> {
    let path = path(name)?;
    let text = match fs::read(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let message =
                format!("there is no baseline `{name}`; `claude-cli bench --save-baseline {name}` makes it");
            return Err(Error::Invalid(message).into());
        }
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let no_baseline =
        |why: String| Error::Invalid(format!("{} is no baseline ({BENCH_SCHEMA}): {why}", path.display()));
    let results: Results = serde_json::from_slice(&text).map_err(|e| no_baseline(e.to_string()))?;
    if results.schema != BENCH_SCHEMA {
        return Err(no_baseline(format!("its schema is `{}`", results.schema)).into());
    }
    Ok(results)
}
