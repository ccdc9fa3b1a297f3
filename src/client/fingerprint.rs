//! What decides an answer: the key under which it is kept.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Request, Session, resolve::base_url};
use crate::{
    cache::{CacheKey, KeyBuilder},
    pricing::PriceTable,
    transcript::config_folders,
};

/// What the `claude` program reads by itself in its folder and those above it.
const PROJECT_FILES: [&str; 6] = [
    "CLAUDE.md",
    "CLAUDE.local.md",
    ".claude/CLAUDE.md",
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".mcp.json",
];
/// And in its config folder.
const USER_FILES: [&str; 3] = ["CLAUDE.md", "settings.json", "settings.local.json"];
/// Who asks decides nothing, and may change by the hour.
const CREDENTIALS: [&str; 3] = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
/// Variables beside those of the program's own prefixes that it heeds.
const VARIABLES: [&str; 6] = [
    "MAX_THINKING_TOKENS",
    "AWS_REGION",
    "CLOUD_ML_REGION",
    "API_TIMEOUT_MS",
    "BASH_DEFAULT_TIMEOUT_MS",
    "DISABLE_PROMPT_CACHING",
];

/// The key of the answer that a backend, by its name, gives to a request:
/// everything that it is sent and, for the `claude` program, which `program`
/// that is, the environment it heeds, and the memory and settings it reads.
///
/// What a program without tools cannot see is not in it, and neither are limits
/// of time and money: an answer that was cut short by one is none to keep.
#[must_use]
pub fn answer_key(request: &Request, backend: &str, program: Option<&Path>, prices: &PriceTable) -> CacheKey {
    let asked = request.model.as_deref();
    let files = request.files.iter().flat_map(|file| [file.name().as_bytes(), file.bytes()]);
    let mut key = CacheKey::builder("answer@1")
        .field("backend", backend)
        .optional("model", asked)
        // An alias may mean another model tomorrow.
        .optional("resolved", asked.map(|model| prices.resolve_alias(model)))
        .optional("system", request.system.as_ref())
        .field("prompt", &request.prompt)
        .list("files", files)
        .optional("schema", request.json_schema.as_ref().map(ToString::to_string))
        .field("base_url", base_url());
    if backend != "claude" {
        return key.field("max_tokens", request.max_tokens.to_le_bytes()).finish();
    }
    key = key.list("args", &request.claude_args).field("session", session(&request.session));
    for (name, value) in &request.env {
        key = key.field(name, value);
    }
    key = environment(key);
    let here = request.cwd.clone().or_else(|| env::current_dir().ok()).unwrap_or_default();
    key = key.field("cwd", here.as_os_str().as_encoded_bytes());
    for folder in here.ancestors() {
        key = contents(key, folder, &PROJECT_FILES);
    }
    for folder in config_folders() {
        key = contents(key, &folder, &USER_FILES);
    }
    identity(key, program).finish()
}

fn session(session: &Session) -> String {
    format!("{session:?}")
}

fn environment(mut key: KeyBuilder) -> KeyBuilder {
    let heeded = |name: &str| {
        let of_theirs = name.starts_with("ANTHROPIC_") || name.starts_with("CLAUDE_");
        let of_ours = name.starts_with("CLAUDE_CLI_");
        (of_theirs && !of_ours && !CREDENTIALS.contains(&name)) || VARIABLES.contains(&name)
    };
    let mut variables: Vec<(String, String)> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| heeded(name))
        .collect();
    variables.sort();
    for (name, value) in &variables {
        key = key.field(name, value);
    }
    key
}

/// The files of a folder that are there, with what is in them.
fn contents(mut key: KeyBuilder, folder: &Path, names: &[&str]) -> KeyBuilder {
    for name in names {
        if let Ok(content) = fs::read(folder.join(name)) {
            key = key.field(name, content);
        }
    }
    key
}

/// Which program it is: one that was updated is another one.
fn identity(key: KeyBuilder, program: Option<&Path>) -> KeyBuilder {
    let path: Option<PathBuf> = program.and_then(|program| fs::canonicalize(program).ok());
    let key = key.optional("program", path.as_ref().map(|path| path.as_os_str().as_encoded_bytes()));
    match path.and_then(|path| fs::metadata(path).ok()) {
        Some(file) => key
            .field("size", file.size().to_le_bytes())
            .field("modified", file.mtime().to_le_bytes())
            .field("modified_ns", file.mtime_nsec().to_le_bytes()),
        None => key,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::client::Attachment;

    #[test]
    fn whatever_is_asked_differently_has_another_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            fs::write(folder.path().join(name), content).unwrap();
            Attachment::read(&folder.path().join(name)).unwrap()
        };
        let base = || {
            let mut request = Request::new("prompt");
            request.cwd = Some(folder.path().to_owned());
            request
        };
        let changed = |change: &dyn Fn(&mut Request)| {
            let mut request = base();
            change(&mut request);
            request
        };
        let prices = PriceTable::embedded();
        let of =
            |request: &Request, backend: &str| answer_key(request, backend, Some(Path::new("/bin/sh")), prices);
        let requests = [
            base(),
            changed(&|r| r.prompt.push('!')),
            changed(&|r| r.model = Some("sonnet".into())),
            changed(&|r| r.model = Some("haiku".into())),
            changed(&|r| r.system = Some(String::new())),
            changed(&|r| r.system = Some("prompt".into())),
            changed(&|r| r.files.push(file("a.txt", "one"))),
            changed(&|r| r.files.push(file("a.txt", "two"))),
            changed(&|r| r.files.push(file("b.txt", "two"))),
            changed(&|r| r.json_schema = Some(serde_json::json!({}))),
        ];
        let keys: HashSet<CacheKey> = requests.iter().map(|request| of(request, "api")).collect();
        assert_eq!(keys.len(), requests.len());
        let keys: HashSet<CacheKey> =
            requests.iter().flat_map(|r| [of(r, "api"), of(r, "claude"), of(r, "simulated")]).collect();
        assert_eq!(keys.len(), 3 * requests.len());
        assert_eq!(of(&base(), "claude"), of(&base(), "claude"));
        // Of what only one of them is told, only its key knows.
        let shorter = changed(&|r| r.max_tokens = 7);
        assert_ne!(of(&shorter, "api"), of(&base(), "api"));
        assert_eq!(of(&shorter, "claude"), of(&base(), "claude"));
        let argument = changed(&|r| r.claude_args.push("--effort=low".into()));
        assert_ne!(of(&argument, "claude"), of(&base(), "claude"));
        let variable = changed(&|r| drop(r.env.insert("A".into(), "b".into())));
        assert_ne!(of(&variable, "claude"), of(&base(), "claude"));
        // Memory and settings, here and above.
        let before = of(&base(), "claude");
        fs::write(folder.path().join("CLAUDE.md"), "Speak like a pirate.").unwrap();
        let with_memory = of(&base(), "claude");
        assert_ne!(with_memory, before);
        fs::create_dir(folder.path().join(".claude")).unwrap();
        fs::write(folder.path().join(".claude/settings.json"), "{}").unwrap();
        assert_ne!(of(&base(), "claude"), with_memory);
        // Another program, or the same one updated.
        let program = folder.path().join("claude");
        let of_program = || answer_key(&base(), "claude", Some(&program), prices);
        let none = of_program();
        fs::write(&program, "v1").unwrap();
        let one = of_program();
        fs::write(&program, "v2.0").unwrap();
        assert!(none != one && one != of_program());
        // Time and money change no answer.
        let limited = changed(&|r| {
            r.limits.total = None;
            r.max_cost = Some(5);
            r.retries = 0;
        });
        assert_eq!(of(&limited, "claude"), of(&base(), "claude"));
    }
}
