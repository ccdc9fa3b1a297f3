//! The README tells the truth: a new user who types what it shows, in an empty
//! home and on a terminal, sees what it shows.
//!
//! A `console` block holds commands (`$ `, continued by `> `) and what they
//! print; `…` stands for lines that are left out. A block headed by a language
//! and a path is a file in the home. `UPDATE_GENERATED=1` rewrites what is
//! printed; times, dates, ids and sizes may differ.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use regex::Regex;

use crate::harness::{BINARY, Home, done};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
/// Whatever else is on the machine, such as a `claude`, is out of reach.
const TOOLS: [&str; 19] = [
    "awk", "bash", "cat", "chmod", "cut", "git", "grep", "head", "jq", "ls", "mkdir", "rm", "sh", "sleep", "stty",
    "tail", "test", "tr", "xargs",
];
const NEXT: &str = "---8<--- next ---8<---";
/// As wide as a code block on a page.
const COLUMNS: u32 = 88;

/// A command and what it prints.
#[derive(Debug, PartialEq)]
struct Typed {
    lines: Vec<String>,
    printed: Vec<String>,
}

impl Typed {
    fn script(&self) -> String {
        let typed: Vec<_> = self.lines.iter().map(|line| line.get(2..).unwrap_or_default()).collect();
        typed.join("\n")
    }
}

fn read(block: &[&str]) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    for line in block {
        let continued = all.last().is_some_and(|typed| typed.printed.is_empty());
        if line.starts_with("$ ") {
            all.push(Typed { lines: vec![(*line).to_owned()], printed: Vec::new() });
        } else if continued && (line.starts_with("> ") || *line == ">") {
            all.last_mut().unwrap().lines.push((*line).to_owned());
        } else {
            let typed = all.last_mut().unwrap_or_else(|| panic!("`{line}` comes before any command"));
            typed.printed.push((*line).to_owned());
        }
    }
    all
}

/// The home of someone who has just installed the program.
struct NewUser {
    home: Home,
}

impl NewUser {
    fn new() -> Self {
        // As long as /home/you, so that lines break where they break in the README.
        let folder = tempfile::Builder::new().prefix("").rand_bytes(4).tempdir_in("/tmp").unwrap();
        let home = Home { folder };
        for folder in [".local/bin", "tools", "project"] {
            fs::create_dir_all(home.path(folder)).unwrap();
        }
        symlink(BINARY, home.path(".local/bin/claude-cli")).unwrap();
        for tool in TOOLS {
            symlink(found(tool).unwrap(), home.path("tools").join(tool)).unwrap();
        }
        let user = Self { home };
        user.types("git init -q . && printf 'one\\n' > notes.txt && git add notes.txt");
        user.types(
            "git -c user.name=me -c user.email=me@localhost commit -qm start && printf 'two\\n' >> notes.txt",
        );
        user
    }

    /// What a terminal shows when these commands are typed.
    fn types(&self, script: &str) -> String {
        let path = self.home.path("typed");
        fs::write(&path, format!("stty cols {COLUMNS} rows 40\n{script}\n")).unwrap();
        let folder = self.home.folder.path();
        let mut command = Command::new(found("script").unwrap());
        command
            .args(["-qec", &format!("bash {}", path.display()), "/dev/null"])
            .current_dir(folder.join("project"))
            .env_clear()
            .env("HOME", folder)
            .env("PATH", format!("{0}/.local/bin:{0}/tools", folder.display()))
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("SHELL", "/bin/sh")
            .stdin(std::process::Stdio::null());
        let shown = done(&mut command).out;
        let codes = Regex::new("\x1b\\[[0-9;?]*[a-zA-Z]").unwrap();
        let shown = codes.replace_all(&shown, "").replace('\r', "");
        shown.replace(&folder.display().to_string(), "/home/you")
    }

    fn runs(&self, all: &[Typed]) -> Vec<Typed> {
        let mut script = String::new();
        for typed in all {
            script
                .push_str(&format!("{}\nstatus=$?\nprintf '\\n%s\\n' '{NEXT}'\n(exit $status)\n", typed.script()));
        }
        let shown = self.types(&script);
        let end = format!("\n{NEXT}\n");
        let mut parts = shown.split(&end);
        let saw = |typed: &Typed, part: Option<&str>| Typed {
            lines: typed.lines.clone(),
            printed: part
                .unwrap_or("(the shell ended)")
                .trim_end()
                .lines()
                .map(|l| l.trim_end().to_owned())
                .collect(),
        };
        all.iter().map(|typed| saw(typed, parts.next())).collect()
    }
}

fn found(tool: &str) -> Option<std::path::PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(tool)).find(|path| path.is_file())
}

/// A line without what differs from run to run.
fn settled(line: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r"\b\d\d:\d\d(:\d\d)?\b", "TIME"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID"),
        (r"\b\d+(\.\d+)? m?s\b", "DURATION"),
        (r"\b\d+ tokens/s", "SPEED"),
        (r#""(ttft|duration)_ms": \d+"#, "DURATION"),
        (r"[\d,]+ (MB free|bytes)", "SIZE"),
        // How fast it goes, and how much of the window is left.
        (r"(\d+h )?\d+m left .*", "RATES"),
        (r"[\d,]+ rollup cells", "CELLS"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"as of \d{4}-\d\d, \d+ models", "PRICES"),
        (r"[ ═─]+", " "),
    ];
    rules.iter().fold(line.to_owned(), |line, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&line, *with).into_owned()
    })
}

/// Whether lines are those expected; `…` stands for any number of them.
fn agrees(expected: &[String], saw: &[String]) -> bool {
    match expected.split_first() {
        None => saw.is_empty(),
        Some((first, rest)) if first.trim() == "…" => (0..=saw.len()).any(|skip| agrees(rest, &saw[skip..])),
        Some((first, rest)) => {
            saw.split_first().is_some_and(|(s, after)| settled(first) == settled(s) && agrees(rest, after))
        }
    }
}

#[test]
fn a_new_user_sees_what_the_readme_shows() {
    let missing: Vec<_> = TOOLS.into_iter().chain(["script"]).filter(|tool| found(tool).is_none()).collect();
    if !missing.is_empty() || !cfg!(target_os = "linux") {
        assert!(env::var_os("CLAUDE_CLI_REQUIRE_PEERS").is_none(), "there is no {missing:?}");
        eprintln!("SKIPPED: the README's commands need {missing:?}, and the `script` of Linux");
        return;
    }
    let user = NewUser::new();
    let readme = fs::read_to_string(README).unwrap();
    let blocks = blocks(&readme);
    let mut expected = Vec::new();
    for (info, block) in &blocks {
        if *info == "console" {
            expected.extend(read(block));
        } else if let Some((_, path)) = info.split_once(' ') {
            save(&user.home.path(path), &block.join("\n"));
        }
    }
    assert!(expected.len() > 40, "there are {} commands", expected.len());
    let saw = user.runs(&expected);
    let mut wrong = Vec::new();
    for (expected, saw) in expected.iter_mut().zip(saw) {
        if !agrees(&expected.printed, &saw.printed) {
            wrong.push(format!(
                "{}\nshould print\n{}\nand prints\n{}",
                expected.lines.join("\n"),
                expected.printed.join("\n"),
                saw.printed.join("\n")
            ));
            *expected = saw;
        }
    }
    if env::var_os("UPDATE_GENERATED").is_some() && !wrong.is_empty() {
        fs::write(README, rewritten(&readme, expected)).unwrap();
    } else {
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

/// The fenced blocks: what they are headed by, and their lines.
fn blocks(readme: &str) -> Vec<(&str, Vec<&str>)> {
    let mut lines = readme.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let open = block.iter().find(|line| line.starts_with("```") || line.starts_with("## "));
            assert!(open.is_none(), "the block headed `{info}` is not closed before {open:?}");
            blocks.push((info, block));
        }
    }
    blocks
}

/// The README with what was typed and printed in the place of its commands.
fn rewritten(readme: &str, all: Vec<Typed>) -> String {
    let mut all = all.into_iter();
    let mut lines = readme.lines();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        text.push_str(&format!("{line}\n"));
        if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            for typed in all.by_ref().take(read(&block).len()) {
                for line in typed.lines.iter().chain(&typed.printed) {
                    text.push_str(&format!("{line}\n"));
                }
            }
            text.push_str("```\n");
        }
    }
    text
}

fn save(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
    if text.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn its_tables_are_those_of_the_man_page() {
    let readme = fs::read_to_string(README).unwrap();
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/man/claude-cli.1")).unwrap();
    let page = page.replace("\\-", "-");
    let section = |name: &str| {
        let start = page.find(&format!(".SH \"{name}\"")).or_else(|| page.find(&format!(".SH {name}"))).unwrap();
        page[start + 3..].split(".SH ").next().unwrap().to_owned()
    };
    let terms = |name: &str| {
        let bold = Regex::new(r"(?m)^\\fB(.*)\\fR$").unwrap();
        bold.captures_iter(&section(name)).map(|found| found[1].to_owned()).collect::<Vec<_>>()
    };
    let codes = terms("EXIT STATUS");
    assert_eq!(codes.len(), 9);
    for code in codes {
        assert!(readme.contains(&format!("\n| {code} | ")), "exit code {code} is not in the README");
    }
    for variables in terms("ENVIRONMENT") {
        for name in variables.split(", ") {
            assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
        }
    }
    for file in terms("FILES") {
        let name = file.rsplit_once("claude-cli/").unwrap().1;
        assert!(readme.contains(name), "{name} is not in the README");
    }
}

#[test]
fn a_readme_that_is_wrong_is_found_out() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(agrees(&lines("a\n…\nd"), &lines("a\nb\nc\nd")));
    assert!(agrees(&lines("at 10:11:12 in 5 ms"), &lines("at 09:08:07 in 71 ms")));
    assert!(!agrees(&lines("a\n…\nd"), &lines("a\nb\nc")));
    assert!(!agrees(&lines("$0.0002"), &lines("$0.0003")));
    assert!(!agrees(&lines("3"), &lines("")));
    let typed = read(&["$ cat <<E", "> x", "> E", "x", "$ true"]);
    assert_eq!((typed.len(), typed[0].script().as_str(), typed[0].printed.len()), (2, "cat <<E\nx\nE", 1));
}
