//! The lines of a batch, read as they are needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader, Read, stdin},
    path::Path,
};

use anyhow::Context as _;
use claude_cli::cache::CacheKey;
use serde::Deserialize;
use tokio::sync::mpsc;

/// The longest line: the API takes 32 MB at most.
const LONGEST: u64 = 64 << 20;
/// So many lines are read ahead.
const AHEAD: usize = 16;

/// A prompt of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) prompt: String,
    pub(super) model: Option<String>,
    pub(super) system: Option<String>,
    pub(super) tags: BTreeSet<String>,
}

/// A line of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) index: u64,
    pub(super) custom_id: Option<String>,
    /// Tells whether a line is the same as in an earlier run.
    pub(super) hash: String,
    /// The prompt, or what is wrong with it.
    pub(super) item: Result<Item, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    prompt: String,
    #[serde(default, alias = "custom_id")]
    id: Option<Id>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an id is a text or a number")]
enum Id {
    Text(String),
    Number(i64),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "tags are {\"key\":\"value\"} or [\"key=value\"]")]
enum Tags {
    Named(BTreeMap<String, String>),
    Listed(Vec<String>),
}

impl Tags {
    fn read(self) -> Result<BTreeSet<String>, String> {
        let tags: BTreeSet<String> = match self {
            Self::Named(tags) => tags.into_iter().map(|(key, value)| format!("{key}={value}")).collect(),
            Self::Listed(tags) => tags.into_iter().collect(),
        };
        match tags.iter().find(|tag| tag.split_once('=').is_none_or(|(key, _)| key.trim().is_empty())) {
            Some(tag) => Err(format!("`{tag}` is no tag: a tag is KEY=VALUE")),
            None => Ok(tags),
        }
    }
}

/// Reads one line; `None` for a blank one.
pub(super) fn parse(index: u64, text: &[u8]) -> Option<Line> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").filter(|_| index == 1).unwrap_or(text).trim_ascii();
    if text.is_empty() {
        return None;
    }
    let mut line = Line { index, custom_id: None, hash: String::new(), item: Err(String::new()) };
    // The id is told also of a line that is wrong otherwise.
    let loose: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    line.custom_id = loose.as_ref().and_then(|value| {
        let id = value.get("id").or_else(|| value.get("custom_id"))?;
        id.as_str().map(str::to_owned).or_else(|| id.as_i64().map(|n| n.to_string()))
    });
    line.item = read(text, &mut line.custom_id);
    if let Ok(item) = &line.item {
        let key = CacheKey::builder("batch@1")
            .field("prompt", &item.prompt)
            .optional("model", item.model.as_ref())
            .optional("system", item.system.as_ref());
        line.hash = format!("{:?}", key.finish())[..16].to_owned();
    }
    Some(line)
}

fn read(text: &[u8], custom_id: &mut Option<String>) -> Result<Item, String> {
    let fields: Fields = serde_json::from_slice(text).map_err(|e| {
        // The line is told beside it, and only the column is news.
        let told = e.to_string();
        let told = told.split(" at line ").next().unwrap_or_default();
        let column = e.column();
        if e.is_data() {
            format!("{told} (column {column})")
        } else {
            format!("it is no JSON: {told} (column {column})")
        }
    })?;
    if let Some(id) = fields.id {
        *custom_id = Some(match id {
            Id::Text(id) => id,
            Id::Number(id) => id.to_string(),
        });
    }
    let tags = fields.tags.map(Tags::read).transpose()?.unwrap_or_default();
    Ok(Item { prompt: fields.prompt, model: fields.model, system: fields.system, tags })
}

/// How many lines a file has; `None` for what can be read only once.
pub(super) fn count(path: &Path) -> Option<u64> {
    if path == Path::new("-") || !path.is_file() {
        return None;
    }
    let mut file = BufReader::with_capacity(256 << 10, File::open(path).ok()?);
    let mut lines = 0;
    loop {
        let chunk = file.fill_buf().ok()?;
        if chunk.is_empty() {
            return Some(lines);
        }
        lines += bytecount(chunk);
        let read = chunk.len();
        file.consume(read);
    }
}

fn bytecount(chunk: &[u8]) -> u64 {
    chunk.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Starts reading; lines come as they are asked for, an error ends them.
pub(super) fn lines(path: &Path) -> anyhow::Result<mpsc::Receiver<io::Result<Line>>> {
    let source: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot read the batch {}", path.display()))?)
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    // Reading may block for as long as whoever writes takes: not on the runtime.
    std::thread::Builder::new()
        .name("batch".into())
        .spawn(move || {
            let mut source = BufReader::new(source);
            for index in 1.. {
                let mut text = Vec::new();
                let line = match (&mut source).take(LONGEST + 1).read_until(b'\n', &mut text) {
                    Ok(0) => return,
                    Ok(_) if text.len() as u64 > LONGEST => too_long(&mut source, index),
                    Ok(_) => Ok(parse(index, &text)),
                    Err(e) => Err(e),
                };
                let failed = line.is_err();
                if line.transpose().is_some_and(|line| sender.blocking_send(line).is_err()) || failed {
                    return;
                }
            }
        })
        .context("cannot start reading the batch")?;
    Ok(receiver)
}

/// Skips the rest of a line.
fn too_long(source: &mut impl BufRead, index: u64) -> io::Result<Option<Line>> {
    loop {
        let chunk = source.fill_buf()?;
        let (skipped, ended) = match chunk.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (chunk.len(), chunk.is_empty()),
        };
        source.consume(skipped);
        if ended {
            let item = Err(format!("it is longer than {LONGEST} bytes"));
            return Ok(Some(Line { index, custom_id: None, hash: String::new(), item }));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_with_all_there_is() {
        let line = parse(3, br#"{"prompt":"p","id":7,"model":"m","system":"s","tags":{"a":"b"}}"#).unwrap();
        let tags = BTreeSet::from(["a=b".to_owned()]);
        assert_eq!((line.index, line.custom_id.as_deref()), (3, Some("7")));
        let item = Item { prompt: "p".into(), model: Some("m".into()), system: Some("s".into()), tags };
        assert_eq!(line.item, Ok(item));
        let again =
            parse(9, br#"{"system":"s", "model":"m", "prompt":"p", "custom_id":"x", "tags":["a=b"]}"#).unwrap();
        assert_eq!((again.item, again.hash), (line.item, line.hash));
        assert_eq!(parse(1, b" \r\n"), None);
        assert!(parse(1, b"\xef\xbb\xbf{\"prompt\":\"p\"}").unwrap().item.is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            (r#"{"promt":"p"}"#, "unknown field `promt`"),
            (r#"{"id":"x"}"#, "missing field `prompt`"),
            (r#"{"id":"x","prompt":1}"#, "expected a string"),
            ("hello", "expected value"),
            (r#"{"prompt":"p","tags":["a"]}"#, "a tag is KEY=VALUE"),
            (r#"{"prompt":"p","tags":"a"}"#, "tags are"),
        ] {
            let line = parse(1, text.as_bytes()).unwrap();
            let said = line.item.unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
            assert_eq!(line.custom_id.is_some(), text.contains("\"x\""), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(1, &text);
        }

        #[test]
        fn what_is_written_is_read(prompt in ".*", id in proptest::option::of(".*")) {
            let line = serde_json::json!({ "prompt": prompt, "id": id }).to_string();
            let line = parse(1, line.as_bytes()).unwrap();
            prop_assert_eq!(line.custom_id, id);
            prop_assert_eq!(line.item.unwrap().prompt, prompt);
        }
    }
}
