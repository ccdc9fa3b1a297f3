//! Several machines, one total.

use std::{fs, io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::{
    harness::{Done, Home, done},
    machines::{machine, record, request},
};

/// Everything a report can say, apart from who was asked.
fn said(home: &Home) -> Vec<Value> {
    let mut said: Vec<Value> = ["day", "model", "project", "session", "branch", "agent", "source", "host", "tag"]
        .map(|by| home.json(["analytics", "summary", "--by", by, "--sort", "key"]))
        .into();
    let mut rows: Vec<String> = home.rows().iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    said.push(rows.into());
    let mut runs: Vec<String> = home.runs().iter().map(|run| format!("{run:?}")).collect();
    runs.sort();
    said.push(runs.into());
    said
}

fn import(home: &Home, files: &[&PathBuf]) -> Done {
    let args = ["import"].into_iter().chain(files.iter().map(|file| file.to_str().unwrap()));
    let imported = home.run(args);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    imported
}

fn export(home: &Home, name: &str) -> PathBuf {
    let file = home.path(name);
    let exported = home.run(["--quiet", "analytics", "export", "--output", file.to_str().unwrap()]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    file
}

/// A runner that ran a prompt, and is thrown away: only its export is left.
fn runner() -> Home {
    let home = Home::new();
    let ran = done(&mut home.fake("tell", ["query", "--tag", "team=ci", "hi"]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    home
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn two_machines_and_a_runner_are_one_total_in_any_order_and_twice() {
    let (desk, lap, ci) = (machine("desk", 60), machine("lap", 45), runner());
    // A session that was carried from one machine to the other is in both.
    record(&lap, (5..12).map(|n| request("desk", n)).collect());
    let files = [desk.ledger_path(), export(&lap, "lap.ndjson"), export(&ci, "ci.ndjson.gz")];
    let whole = Home::new();
    import(&whole, &files.each_ref());
    let expected = said(&whole);
    let totals = &expected[0]["totals"];
    let runs = ci.json(["analytics", "summary"])["totals"]["requests"].as_i64().unwrap();
    assert_eq!(totals["requests"], 60 + 45 + runs, "what both have counts once");
    let cost = |home: &Home| home.json(["analytics", "summary"])["totals"]["cost_usd"].as_f64().unwrap();
    let twice: f64 = (5..12)
        .filter_map(|n| {
            whole.rows().into_iter().find(|r| r.request_id.as_deref() == Some(&format!("req_desk_{n}")))
        })
        .filter_map(|row| row.cost_calculated)
        .sum::<i64>() as f64
        / 1e9;
    assert!((cost(&desk) + cost(&lap) + cost(&ci) - twice - cost(&whole)).abs() < 1e-9);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let home = Home::new();
        for n in order {
            import(&home, &[&files[n]]);
        }
        assert_eq!(said(&home), expected, "{order:?}");
        import(&home, &files.each_ref());
        assert_eq!(said(&home), expected, "{order:?}, and again");
        home.verify();
    }
    // Into the ledger of one of them, and its export back into the other.
    import(&desk, &[&files[1], &files[2]]);
    assert_eq!(said(&desk), expected);
    import(&lap, &[&export(&desk, "desk.ndjson")]);
    assert_eq!(said(&lap), expected);
}

#[test]
fn a_damaged_line_is_told_and_the_rest_taken_in() {
    let desk = machine("desk", 20);
    let text = fs::read_to_string(export(&desk, "desk.ndjson")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[3] = r#"{"request":{},"records":[{"message_id":"#;
    lines[5] = "\u{1}garbage";
    let home = Home::new();
    let file = home.write("damaged.ndjson", lines.join("\n"));
    let imported = home.run(["import", "--format", "json", file.to_str().unwrap()]);
    assert_eq!(imported.code, Some(0));
    for line in [4, 6] {
        let told = format!("warning: {}:{line}: left out: ", file.display());
        assert!(imported.err.contains(&told), "{imported:?}");
    }
    assert!(!imported.err.contains("ends early"), "{imported:?}");
    let report: Value = serde_json::from_str(&imported.out).unwrap();
    assert_eq!((&report["problem_count"], &report["problems"][1]["line"]), (&2.into(), &6.into()));
    assert_eq!(report["merged"]["requests"], 18);
    assert_eq!(home.rows().len(), 18);
    home.verify();
    // The sound one adds what was missing, and nothing twice.
    import(&home, &[&export(&desk, "desk.ndjson")]);
    assert_eq!(said(&home), said(&desk));
}

#[test]
fn what_cannot_be_is_left_out_and_told() {
    let desk = machine("desk", 5);
    let text = fs::read_to_string(export(&desk, "desk.ndjson")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1] = lines[1].replace("\"usage\":{", "\"usage\":{\"web_searches\":18446744073709551615,");
    lines[2] = lines[2].replace("\"ts\":178", "\"ts\":999178");
    lines.insert(4, r#"{"run":{"id":"","started_at":1}}"#.to_owned());
    let home = Home::new();
    let imported = import(&home, &[&home.write("odd.ndjson", lines.join("\n"))]);
    for line in [2, 3, 5] {
        let told = format!("odd.ndjson:{line}: left out: it says what cannot be");
        assert!(imported.err.contains(&told), "{imported:?}");
    }
    assert_eq!((home.rows().len(), home.runs().len()), (3, 0));
    home.verify();
}

#[test]
fn an_export_that_ends_early_is_noticed() {
    let desk = machine("desk", 200);
    let text = fs::read(export(&desk, "desk.ndjson")).unwrap();
    let half = text.len() / 2;
    let whole_line = half + text[half..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let gz = packed(&text);
    let without_one: Vec<u8> = {
        let mut lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
        lines.remove(7);
        lines.concat()
    };
    for (name, bytes, words) in [
        ("in-a-line.ndjson", &text[..half], "the export ends early"),
        ("after-a-line.ndjson", &text[..whole_line], "the export ends early"),
        ("packed.ndjson.gz", &gz[..gz.len() / 2], "cannot be read from here on"),
        ("packed-end.ndjson.gz", &gz[..gz.len() - 4], "cannot be read from here on"),
        ("without-one.ndjson", &without_one, "200 requests and 200 records, but 0, 199 and 199 were found"),
    ] {
        let home = Home::new();
        let file = home.write(name, bytes);
        let imported = import(&home, &[&file]);
        assert!(imported.err.contains(words), "{name}: {imported:?}");
        let taken = home.rows().len();
        assert!((20..=200).contains(&taken), "{name}: {taken}");
        home.verify();
        import(&home, &[&desk.ledger_path()]);
        assert_eq!(said(&home), said(&desk), "{name}");
    }
}

#[test]
fn exports_can_be_put_one_after_the_other() {
    let (desk, lap) = (machine("desk", 30), machine("lap", 20));
    let (a, b) = (fs::read(export(&desk, "a.ndjson")).unwrap(), fs::read(export(&lap, "b.ndjson")).unwrap());
    let home = Home::new();
    let plain = home.write("both.ndjson", [a.clone(), b.clone()].concat());
    let gz = home.write("both.ndjson.gz", [packed(&a), packed(&b)].concat());
    for file in [&plain, &gz] {
        let imported = import(&home, &[file]);
        assert_eq!(imported.err, "");
        assert_eq!(home.rows().len(), 50);
    }
    // Where the first is cut off, that is noticed, too.
    let cut = home.write("cut.ndjson", [&a[..a.len() - 40], b"\n", &b].concat());
    assert!(import(&home, &[&cut]).err.contains("the export ends early: 0 runs and 30 requests"));
}

#[test]
fn what_is_no_export_or_a_newer_one_is_refused() {
    let home = Home::new();
    let newer = home.write("newer.ndjson", "{\"schema\":\"claude-cli/export@2\"}\n{\"run\":{}}\n");
    let other = home.write("other.ndjson", "{\"schema\":\"claude-cli/summary@1\"}\n");
    for (file, words) in [(newer, "upgrade claude-cli"), (other, "neither a ledger")] {
        let refused = home.run(["import", file.to_str().unwrap()]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains(words), "{refused:?}");
    }
    assert!(home.rows().is_empty());
}

#[test]
fn a_pruned_ledger_stays_right_when_everything_comes_again() {
    let desk = machine("desk", 100);
    let before = |home: &Home| said(home)[..9].to_vec();
    let expected = before(&desk);
    let old = export(&desk, "old.ndjson");
    let copy = machine("desk", 100);
    let pruned = desk.json(["analytics", "prune", "--before", "2026-07-03"]);
    assert_eq!(pruned["rows"], 48);
    assert_eq!(desk.rows().len(), 52);
    import(&desk, &[&old, &copy.ledger_path()]);
    record(&desk, (0..100).map(|n| request("desk", n)).collect());
    assert_eq!((desk.rows().len(), before(&desk)), (52, expected));
    desk.verify();

    // What was pruned cannot be merged elsewhere, and that is said.
    let exported = desk.run(["analytics", "export"]);
    let words = "rows before 2026-07-03T00:00:00Z were pruned";
    assert!(exported.err.contains(words), "{exported:?}");
    let header: Value = serde_json::from_str(exported.out.lines().next().unwrap()).unwrap();
    assert_eq!(header["pruned_before"], "2026-07-03T00:00:00Z");
    let later = desk.run(["analytics", "export", "--since", "2026-07-03"]);
    assert_eq!(later.err, "", "nothing of this range was pruned");
    let home = Home::new();
    let file = home.write("pruned.ndjson", &exported.out);
    for from in [&file, &desk.ledger_path()] {
        assert!(import(&home, &[from]).err.contains(words));
        assert_eq!(home.rows().len(), 52);
    }
}
