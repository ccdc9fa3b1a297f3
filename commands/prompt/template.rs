//! Prompts that are used again, with variables.
//!
//! `templates/NAME.md` in the config folder: text with `{{KEY}}` in it, and
//! above it, between lines of `+++`, `model` and `system` as TOML. A key is
//! letters, digits, `_` and `-`; braces around anything else are just braces.

use std::{collections::BTreeMap, fs, path::Path};

use claude_cli::{Error, Result};
use toml_edit::DocumentMut;

const INPUT: &str = "input";

#[derive(Debug)]
pub(super) struct Template {
    name: String,
    text: String,
    pub(super) model: Option<String>,
    pub(super) system: Option<String>,
}

/// The names of all templates.
pub(crate) fn names(config_folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(config_folder.join("templates")) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".md")?.to_owned()))
        .collect();
    names.sort();
    names
}

impl Template {
    pub(super) fn read(config_folder: &Path, name: &str) -> Result<Self> {
        let path = config_folder.join("templates").join(format!("{name}.md"));
        if name.contains(['/', '\\']) || !path.is_file() {
            let known = names(config_folder);
            let hint = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
            return Err(Error::Invalid(format!("no template `{name}` ({}): {hint}", path.display())));
        }
        let text =
            fs::read_to_string(&path).map_err(|e| Error::io(format!("cannot read {}", path.display()), e))?;
        let invalid = |e: String| Error::Invalid(format!("{}: {e}", path.display()));
        let (head, text) = split(&text).map_err(invalid)?;
        let head = head.parse::<DocumentMut>().map_err(|e| invalid(e.to_string()))?;
        let text = text.to_owned();
        let mut template = Self { name: name.to_owned(), text, model: None, system: None };
        for (key, value) in head.iter() {
            let value = value.as_str().ok_or_else(|| invalid(format!("`{key}` is not a text")))?.to_owned();
            match key {
                "model" => template.model = Some(value),
                "system" => template.system = Some(value),
                _ => return Err(invalid(format!("unknown key `{key}`: use model or system"))),
            }
        }
        Ok(template)
    }

    /// The prompt: the text with what its variables stand for. `input` goes
    /// where `{{input}}` is, else below the text.
    pub(super) fn fill(&self, input: &str, variables: &[(String, String)]) -> Result<String> {
        let mut values: BTreeMap<&str, &str> = BTreeMap::new();
        for (key, value) in variables {
            if key == INPUT {
                return Err(Error::Invalid(format!("--var {INPUT}: that is what the prompt stands for")));
            }
            if values.insert(key, value).is_some() {
                return Err(Error::Invalid(format!("--var {key} is given twice")));
            }
        }
        let mut filled = String::new();
        let mut used = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let variable = after.split_once("}}").map(|(key, behind)| (key.trim(), behind));
            let Some((key, behind)) = variable.filter(|(key, _)| is_key(key)) else {
                // One brace on, so that of `{{{key}}}` the inner pair counts.
                filled.push('{');
                rest = &rest[before.len() + 1..];
                continue;
            };
            let value = if key == INPUT { Some(&input) } else { values.get(key) };
            let value = value
                .ok_or_else(|| Error::Invalid(format!("template `{}` needs a value: --var {key}=…", self.name)))?;
            filled.push_str(value);
            used.push(key);
            rest = behind;
        }
        filled.push_str(rest);
        if let Some(unused) = values.keys().find(|key| !used.contains(*key)) {
            return Err(Error::Invalid(format!("template `{}` has no {{{{{unused}}}}}", self.name)));
        }
        if !used.contains(&INPUT) && !input.trim().is_empty() {
            filled = format!("{}\n\n{input}", filled.trim_end());
        }
        Ok(filled)
    }
}

/// The head and the text below it.
fn split(whole: &str) -> Result<(&str, &str), String> {
    let fence = |line: &str| line.trim_end() == "+++";
    let mut lines = whole.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| fence(line)) else { return Ok(("", whole)) };
    let mut end = first.len();
    for line in lines {
        if fence(line) {
            return Ok((&whole[first.len()..end], &whole[end + line.len()..]));
        }
        end += line.len();
    }
    Err("the head that begins with +++ has no end".to_owned())
}

/// Whether this can be a variable's name.
pub(super) fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}
