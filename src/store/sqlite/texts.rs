//! Prompts and answers, where the user wants them kept: compressed, and found
//! by a full-text index that holds no second copy of them.

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use rusqlite::{Connection, types::Type};

use super::runs;
use crate::store::{FoundText, RunText};

fn pack(text: &str) -> std::io::Result<Vec<u8>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text.as_bytes())?;
    packer.finish()
}

fn unpack(packed: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut text)?;
    Ok(text)
}

/// Keeps a run's text; the first one that came stays.
pub(crate) fn keep(db: &Connection, text: &RunText) -> rusqlite::Result<()> {
    let failed = |e: std::io::Error| rusqlite::Error::ToSqlConversionFailure(e.into());
    let (prompt, answer) = (pack(&text.prompt).map_err(failed)?, pack(&text.answer).map_err(failed)?);
    let kept = db
        .prepare_cached("INSERT OR IGNORE INTO run_texts (run, prompt, answer) VALUES (?1, ?2, ?3)")?
        .execute((&text.run, prompt, answer))?;
    if kept == 1 {
        db.prepare_cached("INSERT INTO run_text_index (rowid, prompt, answer) VALUES (?1, ?2, ?3)")?.execute((
            db.last_insert_rowid(),
            &text.prompt,
            &text.answer,
        ))?;
    }
    Ok(())
}

/// The runs whose texts hold all of these words, the newest first.
pub(crate) fn search(db: &Connection, words: &str, limit: u32) -> rusqlite::Result<Vec<FoundText>> {
    // Quoted, so that nothing in a word is an operator of the index.
    let query: Vec<String> =
        words.split_whitespace().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let damaged = |e: std::io::Error| rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, e.into());
    let mut statement = db.prepare_cached(
        "SELECT t.run, t.prompt, t.answer FROM run_text_index AS i JOIN run_texts AS t ON t.n = i.rowid \
         WHERE run_text_index MATCH ?1 ORDER BY t.run DESC LIMIT ?2",
    )?;
    let mut rows = statement.query((query.join(" "), limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, prompt, answer): (String, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Some(run) = runs::get(db, &id)? {
            found.push(FoundText {
                run,
                prompt: unpack(&prompt).map_err(damaged)?,
                answer: unpack(&answer).map_err(damaged)?,
            });
        }
    }
    Ok(found)
}
