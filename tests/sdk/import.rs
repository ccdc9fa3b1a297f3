//! Taking transcripts into a ledger.

use std::{
    fs::{self, File},
    io::Write,
    ops::ControlFlow,
    path::PathBuf,
};

use claude_cli::{
    simulate::History,
    store::{LedgerReader, SqliteLedger},
    transcript::{ImportOptions, ImportReport, Plan, Progress, import},
};
use tempfile::TempDir;

use crate::{
    ledger_properties::content,
    transcript::{line, text},
};

/// A ledger, and a config folder for it.
struct World {
    folder: TempDir,
    ledger: SqliteLedger,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        Self { folder, ledger }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("claude")
    }

    fn session(&self) -> PathBuf {
        let folder = self.config().join("projects/-p");
        fs::create_dir_all(&folder).unwrap();
        folder.join("s.jsonl")
    }

    fn plan(&self) -> Plan {
        Plan::of(&self.ledger, &[self.config()]).unwrap()
    }

    fn import(&mut self, each: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> ImportReport {
        let plan = self.plan();
        import(&mut self.ledger, plan, &ImportOptions::default(), each).unwrap()
    }
}

#[test]
fn a_plan_says_what_is_new_and_no_more() {
    let mut world = World::new();
    assert!(world.plan().is_empty());
    let first = text(&[line("a", 1), line("b", 2)]);
    fs::write(world.session(), &first).unwrap();
    let plan = world.plan();
    assert_eq!((plan.files(), plan.unchanged(), plan.bytes()), (1, 0, first.len() as u64));
    let report = world.import(&mut |_| ControlFlow::Continue(()));
    assert_eq!((report.files, report.requests, report.bytes), (1, 2, first.len() as u64));
    assert!(world.plan().is_empty());
    let more = text(&[line("c", 3)]);
    File::options().append(true).open(world.session()).unwrap().write_all(&more).unwrap();
    assert_eq!(world.plan().bytes(), more.len() as u64);
    let source = world.ledger.sources().unwrap().remove(0);
    assert_eq!((source.size, source.read_to), (first.len() as u64, first.len() as u64));
    assert_eq!(world.import(&mut |_| ControlFlow::Continue(())).requests, 1);
    assert_eq!(world.ledger.sources().unwrap()[0].read_to, (first.len() + more.len()) as u64);
}

#[test]
fn an_import_can_be_ended_where_there_is_nothing_to_commit() {
    let mut world = World::new();
    // More than can be read before anybody is asked; it takes no room on disk.
    let size = 16 << 30;
    let mut file = File::create(world.session()).unwrap();
    file.write_all(&text(&[line("a", 1)])).unwrap();
    file.set_len(size).unwrap();
    let mut read = 0;
    let report = world.import(&mut |progress| {
        read = progress.bytes;
        ControlFlow::Break(())
    });
    assert!(report.interrupted && read < size, "{read} bytes");
    assert_eq!((report.files, world.ledger.sources().unwrap().len()), (0, 0), "it is not done");
}

#[test]
fn who_spent_it_is_noted() {
    let mut world = World::new();
    fs::write(world.session(), text(&[line("a", 1)])).unwrap();
    let mut options = ImportOptions::default();
    options.user = Some("me".into());
    options.host = Some("here".into());
    let plan = world.plan();
    import(&mut world.ledger, plan, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut rows = Vec::new();
    world.ledger.requests(&Default::default(), &mut |row| rows.push(row)).unwrap();
    assert_eq!((rows[0].user.as_deref(), rows[0].host.as_deref()), (Some("me"), Some("here")));
}

/// On one thread or several, in one import or many: the same ledger.
#[test]
fn a_ledger_does_not_depend_on_how_it_came_to_be() {
    let history = History { files: 6, bytes: 1 << 20, ..History::default() };
    let mut alone = World::new();
    history.write(&alone.config()).unwrap();
    alone.import(&mut |_| ControlFlow::Continue(()));

    let mut bit_by_bit = World::new();
    let whole = tempfile::tempdir().unwrap();
    history.write(whole.path()).unwrap();
    let (files, _) = claude_cli::transcript::find(&[whole.path().to_owned()]);
    let mut done = false;
    for part in 1.. {
        if done {
            break;
        }
        done = true;
        for file in &files {
            let text = fs::read(&file.path).unwrap();
            // Cut anywhere, even within a character.
            let end = text.len().min(part * 150_001);
            done &= end == text.len();
            let path = bit_by_bit.config().join(file.path.strip_prefix(whole.path()).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut to = File::options().create(true).append(true).open(path).unwrap();
            let begin = to.metadata().unwrap().len() as usize;
            to.write_all(&text[begin..end]).unwrap();
        }
        let plan = bit_by_bit.plan();
        let mut options = ImportOptions::default();
        options.threads = Some(1 + part % 3);
        import(&mut bit_by_bit.ledger, plan, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    }
    let (ours, theirs) = (content(&bit_by_bit.ledger), content(&alone.ledger));
    assert!(ours.len() > 100);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}
