//! Completions and man pages in the repository are those of this program.
//!
//! `UPDATE_GENERATED=1` rewrites them.

use std::{collections::BTreeSet, env, fs, path::Path};

use crate::harness::Home;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "claude-cli.bash"),
    ("zsh", "_claude-cli"),
    ("fish", "claude-cli.fish"),
    ("powershell", "_claude-cli.ps1"),
    ("elvish", "claude-cli.elv"),
];

fn compare(folder: &str, name: &str, content: &str) {
    let path = Path::new(ROOT).join(folder).join(name);
    if env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == content, "{} is out of date: run `make generate`", path.display());
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn completions_are_current() {
    let home = Home::new();
    for (shell, name) in COMPLETIONS {
        let done = home.run(["completions", shell]);
        assert_eq!(done.code, Some(0), "{done:?}");
        compare("completions", name, &done.out);
    }
    let expected = COMPLETIONS.iter().map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(names(&Path::new(ROOT).join("completions")), expected);
}

#[test]
fn man_pages_are_current() {
    let home = Home::new();
    let folder = home.path("man");
    let done = home.run(["man", folder.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{done:?}");
    for name in names(&folder) {
        compare("man", &name, &fs::read_to_string(folder.join(&name)).unwrap());
    }
    assert_eq!(names(&Path::new(ROOT).join("man")), names(&folder), "no page without a command");
}
