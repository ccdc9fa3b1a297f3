//! What is asked often of large ledgers, so that it can be answered ahead.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use claude_cli::analytics::WholeFile;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::context::{Context, cache_folder};

/// More than this are not remembered.
const MOST: usize = 50;
/// Longer than this an import does not wait for answers ahead.
const AFTER_IMPORT: Duration = Duration::from_secs(2);

/// A command line that asked something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Without the name of the program.
    pub(crate) args: Vec<String>,
    /// Where it was typed: paths in it are from there.
    folder: PathBuf,
    ledger: PathBuf,
    pub(crate) times: u64,
    last: i64,
}

/// What came of asking again.
pub(crate) struct Warmed {
    pub(crate) asked: Asked,
    pub(crate) took: Duration,
    pub(crate) answered: bool,
}

fn file() -> anyhow::Result<PathBuf> {
    Ok(cache_folder()?.join("asked.json"))
}

/// A list that cannot be read is empty: it is only good for speed.
fn read() -> Vec<Asked> {
    let text = file().ok().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn own_ledger(context: &Context) -> anyhow::Result<PathBuf> {
    Ok(fs::canonicalize(context.ledger_path()?)?)
}

/// Remembers that this command line asked something. Two that do so at once may
/// count as one.
pub(crate) fn note(context: &Context) {
    let remember = || -> anyhow::Result<()> {
        let args: Option<Vec<String>> = env::args_os().skip(1).map(|arg| arg.into_string().ok()).collect();
        let Some(args) = args else { return Ok(()) };
        let (folder, ledger) = (env::current_dir()?, own_ledger(context)?);
        let mut all = read();
        let last = Timestamp::now().as_millisecond();
        match all.iter_mut().find(|asked| asked.args == args && asked.folder == folder && asked.ledger == ledger) {
            Some(asked) => (asked.times, asked.last) = (asked.times + 1, last),
            None => all.push(Asked { args, folder, ledger, times: 1, last }),
        }
        all.sort_by_key(|asked| std::cmp::Reverse((asked.times, asked.last)));
        // The new one stays, or nothing new ever would.
        while all.len() > MOST {
            let at = all.iter().rposition(|asked| asked.last != last).unwrap_or(0);
            all.remove(at);
        }
        let mut file = WholeFile::create(&file()?)?;
        file.write_all(&serde_json::to_vec(&all)?)?;
        Ok(file.finish()?)
    };
    if let Err(e) = remember() {
        tracing::debug!(%e, "what was asked is not remembered");
    }
}

/// Asks again what was asked most of this ledger, at most `most` of it and no
/// longer than `patience`. What is kept already is only looked up.
pub(crate) fn warm(context: &Context, most: usize, patience: Option<Duration>) -> anyhow::Result<Vec<Warmed>> {
    let ledger = own_ledger(context).unwrap_or_default();
    let started = Instant::now();
    let program = env::current_exe()?;
    let mut done = Vec::new();
    for asked in read().into_iter().filter(|asked| asked.ledger == ledger).take(most) {
        if patience.is_some_and(|patience| started.elapsed() >= patience) {
            break;
        }
        let began = Instant::now();
        let answered = again(&program, &asked, &ledger);
        done.push(Warmed { asked, took: began.elapsed(), answered });
    }
    Ok(done)
}

/// A gate that trips has answered, too.
fn again(program: &Path, asked: &Asked, ledger: &Path) -> bool {
    let mut command = Command::new(program);
    command
        .args(&asked.args)
        .arg("--no-import")
        .current_dir(&asked.folder)
        .env("CLAUDE_CLI_DB", ledger)
        // It was not the user who asked.
        .env(UNASKED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| matches!(status.code(), Some(0 | 3)))
}

/// Set where a question is only asked to have its answer ready.
const UNASKED: &str = "CLAUDE_CLI_UNASKED";

/// Whether nobody waits for this answer.
pub(crate) fn is_unasked() -> bool {
    env::var_os(UNASKED).is_some()
}

/// After an import, what is asked most is answered ahead.
pub(crate) fn warm_after_import(context: &Context) {
    const MOST_ASKED: usize = 5;
    if !context.caches() {
        return;
    }
    match warm(context, MOST_ASKED, Some(AFTER_IMPORT)) {
        Ok(done) => tracing::debug!(count = done.len(), "answered ahead what is asked most"),
        Err(e) => tracing::debug!(%e, "nothing is answered ahead"),
    }
}
