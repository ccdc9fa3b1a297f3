//! Transcripts to requests.

use std::{
    hint::black_box,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{Case, Place, Work};
use crate::{
    Error, Result,
    simulate::History,
    store::SqliteLedger,
    transcript::{ImportOptions, Plan, Scanner, find, import},
};

pub(super) const CASES: [Case; 3] = [
    Case::new("scan", "2 transcripts of 128 KB in all scanned", scan),
    Case::new("again", "20 transcripts looked at, with nothing new", again),
    Case::new("whole", "2 transcripts of 128 KB in all into a new ledger", whole),
];

fn history(folder: PathBuf, files: usize, bytes: u64) -> Result<PathBuf> {
    let history = History { files, bytes, ..History::default() };
    history.write(&folder).map_err(|e| Error::io(format!("cannot write {}", folder.display()), e))?;
    Ok(folder)
}

fn scan(place: &Place) -> Result<Work> {
    let folder = history(place.folder()?.join("scan"), 2, 128 << 10)?;
    let (files, _) = find(&[folder]);
    let mut scanner = Scanner::new();
    Ok(Box::new(move |times| {
        let mut sum = 0_u64;
        for _ in 0..times {
            for file in &files {
                let scanned = scanner.scan(&file.path, 0, &mut |witness| {
                    black_box(witness);
                })?;
                sum += scanned.usage_lines;
            }
        }
        Ok(sum)
    }))
}

fn import_into(ledger: &Path, folder: &Path) -> Result<u64> {
    let mut ledger = SqliteLedger::open(ledger)?;
    let plan = Plan::of(&ledger, &[folder.to_owned()])?;
    ledger.prepare_for_bulk()?;
    let report = import(&mut ledger, plan, &ImportOptions::default(), &mut |_| ControlFlow::Continue(()))?;
    ledger.finish_bulk()?;
    Ok(report.requests)
}

fn again(place: &Place) -> Result<Work> {
    let folder = history(place.folder()?.join("again"), 20, 256 << 10)?;
    let path = place.folder()?.join("again.db");
    import_into(&path, &folder)?;
    let ledger = SqliteLedger::open(&path)?;
    Ok(Box::new(move |times| {
        let mut sum = 0;
        for _ in 0..times {
            sum += Plan::of(&ledger, std::slice::from_ref(&folder))?.unchanged() as u64;
        }
        Ok(sum)
    }))
}

fn whole(place: &Place) -> Result<Work> {
    let folder = history(place.folder()?.join("whole"), 2, 128 << 10)?;
    let ledgers = place.folder()?.join("ledgers");
    Ok(Box::new(move |times| {
        let mut sum = 0;
        for _ in 0..times {
            sum += import_into(&ledgers.join("ledger.db"), &folder)?;
            std::fs::remove_dir_all(&ledgers)
                .map_err(|e| Error::io(format!("cannot remove {}", ledgers.display()), e))?;
        }
        Ok(sum)
    }))
}
