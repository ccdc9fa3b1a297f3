//! Exports under a budget of memory: smaller pieces, the same content.

use std::{fs, path::Path};

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::harness::Home;

/// The rows of the only file of an export, and how many groups they are in.
fn read(folder: &Path) -> (Vec<String>, usize) {
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    (rows, reader.metadata().num_row_groups())
}

#[test]
fn little_memory_makes_small_row_groups_and_the_same_rows() {
    let home = Home::new();
    let mut batch = Batch::default();
    for n in 0..4000 {
        let mut w = Witness::default();
        w.message_id = Some(format!("message-{n}"));
        w.ts = 1_782_864_000_000 + n * 1000;
        w.session = Some(format!("session-{}", n % 9).into());
        w.model = Some("claude-haiku-4-5".into());
        w.usage.output_tokens = u64::try_from(n).unwrap();
        batch.witnesses.push(w);
    }
    SqliteLedger::open(&home.ledger_path()).unwrap().append(&batch).unwrap();
    let exported = |name: &str, more: &[&str]| {
        let folder = home.path(name);
        let args = ["analytics", "export", "--parquet", folder.to_str().unwrap()];
        let done = home.run(args.into_iter().chain(more.iter().copied()));
        assert_eq!(done.code, Some(0), "{done:?}");
        read(&folder)
    };
    let (rows, groups) = exported("plenty", &[]);
    assert_eq!((rows.len(), groups), (4000, 1));
    let (same, groups) = exported("little", &["--max-memory", "1"]);
    assert!(same == rows && groups > 3, "{groups}");
    let ndjson = home.run(["analytics", "export"]).out;
    assert_eq!(home.run(["analytics", "export", "--max-memory", "1"]).out, ndjson);
    for wrong in ["0", "-1", "much"] {
        let refused = home.run(["analytics", "export", "--max-memory", wrong]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
    }
}
