//! `analytics export`: all that was counted, for other programs.

use std::{fs, io::Read, os::unix::fs::symlink};

use claude_cli::store::{Witness, WitnessKind};
use parquet::{
    basic::{Encoding, LogicalType},
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, RowAccessor},
};
use serde_json::Value;

use crate::{
    harness::{BINARY, Home, done},
    machines::{HOUR, JULY, machine, record, request},
};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn requests(lines: &[Value]) -> Vec<&Value> {
    lines.iter().map(|line| &line["request"]).filter(|r| !r.is_null()).collect()
}

#[test]
fn ndjson_keeps_its_contract() {
    let home = machine("desk", 40);
    let exported = home.run(["analytics", "export"]);
    assert_eq!((exported.code, exported.err.as_str()), (Some(0), ""));
    assert!(exported.out.starts_with(r#"{"schema":"claude-cli/export@1","#), "{}", &exported.out[..80]);
    let lines = lines(&exported.out);
    assert_eq!(lines[0]["pruned_before"], Value::Null);
    assert_eq!(lines[0]["include_simulated"], false);
    let requests = requests(&lines);
    assert_eq!(requests.len(), 40);
    assert_eq!(lines.last().unwrap()["end"]["requests"], 40);
    assert_eq!(lines.last().unwrap()["end"]["records"], 40);
    let first = requests[0];
    assert_eq!(first["time"], "2026-07-01T00:00:00Z");
    assert_eq!((&first["kind"], &first["source"]), (&"request".into(), &"transcript".into()));
    assert_eq!((&first["session_id"], &first["branch"]), (&"desk-0".into(), &"main".into()));
    assert_eq!((&first["total_tokens"], &first["cost_nanos"]), (&1017.into(), &1_050_700.into()));
    assert_eq!(first["cost_usd"], 0.001_050_7);
    assert_eq!(first["tags"], serde_json::json!(["host=desk", "team=a"]));
    assert_eq!((&requests[4]["cost_usd"], &requests[4]["cost_nanos"]), (&Value::Null, &Value::Null));
    assert_eq!(requests[6]["error"], "overloaded_error");
    // Its sums are those of the reports.
    let totals = &home.json(["analytics", "summary"])["totals"];
    for field in ["input_tokens", "output_tokens", "cache_read_tokens", "total_tokens"] {
        let sum: i64 = requests.iter().map(|r| r[field].as_i64().unwrap()).sum();
        assert_eq!(totals[field], sum, "{field}");
    }
    let nanos: i64 = requests.iter().filter_map(|r| r["cost_nanos"].as_i64()).sum();
    assert_eq!(totals["cost_usd"].as_f64().unwrap(), nanos as f64 / 1e9);
}

#[test]
fn csv_has_the_same_columns_in_a_fixed_order() {
    let home = machine("desk", 10);
    let ndjson = lines(&home.run(["analytics", "export"]).out);
    let text = home.run(["analytics", "export", "--format", "csv"]).out;
    assert!(
        text.starts_with("time,kind,message_id,request_id,session_id,run_id,model,project,branch,agent,source,"),
        "{text}"
    );
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let keys: Vec<&String> = requests(&ndjson)[0].as_object().unwrap().keys().collect();
    assert_eq!(header.iter().collect::<Vec<_>>(), keys);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 10);
    for (row, request) in rows.iter().zip(requests(&ndjson)) {
        for (name, cell) in header.iter().zip(row) {
            let said = &request[name];
            match (name.as_str(), said) {
                (_, Value::Null) => assert_eq!(cell, "", "{name}"),
                ("cost_usd", said) => assert_eq!(cell.parse::<f64>().unwrap(), said.as_f64().unwrap()),
                (_, Value::String(text)) => assert_eq!(cell, text),
                (_, Value::Array(tags)) => {
                    assert_eq!(cell, tags.iter().map(|t| t.as_str().unwrap()).collect::<Vec<_>>().join(","));
                }
                (_, other) => assert_eq!(cell, other.to_string(), "{name}"),
            }
        }
    }
}

#[test]
fn parquet_is_read_back_as_it_was_written() {
    let home = machine("desk", 40);
    let folder = home.path("usage");
    let exported = home.run(["analytics", "export", "--parquet", folder.to_str().unwrap()]);
    assert_eq!((exported.code, exported.out.as_str()), (Some(0), ""), "{exported:?}");
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["requests-2026-07-01.parquet", "requests-2026-07-02.parquet"]);
    let ndjson = lines(&home.run(["analytics", "export"]).out);
    let mut expected = requests(&ndjson).into_iter();
    for (name, count) in names.iter().zip([24, 16]) {
        let reader = SerializedFileReader::new(fs::File::open(folder.join(name)).unwrap()).unwrap();
        let metadata = reader.metadata();
        assert_eq!(metadata.file_metadata().num_rows(), count);
        let types = metadata.file_metadata().schema_descr();
        let column = |name: &str| (0..types.num_columns()).find(|&i| types.column(i).name() == name).unwrap();
        let time = types.column(column("time")).logical_type_ref().cloned();
        assert!(
            matches!(&time, Some(LogicalType::Timestamp(t)) if t.is_adjusted_to_u_t_c),
            "milliseconds, UTC: {time:?}"
        );
        let cost = types.column(column("cost_usd"));
        assert_eq!((cost.type_precision(), cost.type_scale()), (18, 9));
        let model = metadata.row_group(0).column(column("model")).encodings().collect::<Vec<_>>();
        assert!(model.contains(&Encoding::RLE_DICTIONARY), "{model:?}");
        for row in reader.get_row_iter(None).unwrap() {
            let (row, said) = (row.unwrap(), expected.next().unwrap());
            let field = |name: &str| row.get_column_iter().find(|(n, _)| *n == name).unwrap().1.clone();
            let time = said["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
            assert_eq!(field("time"), Field::TimestampMillis(time));
            assert_eq!(row.get_string(1).unwrap(), said["kind"].as_str().unwrap());
            assert_eq!(field("input_tokens"), Field::Long(said["input_tokens"].as_i64().unwrap()));
            match said["cost_nanos"].as_i64() {
                Some(nanos) => {
                    let Field::Decimal(decimal) = field("cost_usd") else { panic!("no decimal") };
                    assert_eq!(decimal.data(), nanos.to_be_bytes());
                }
                None => assert_eq!(field("cost_usd"), Field::Null),
            }
            let text = |name: &str| match field(name) {
                Field::Null => Value::Null,
                Field::Str(text) => text.into(),
                other => panic!("{name}: {other}"),
            };
            for name in ["message_id", "session_id", "model", "project", "branch", "agent", "host", "error"] {
                assert_eq!(text(name), said[name], "{name}");
            }
            let Field::ListInternal(tags) = field("tags") else { panic!("no list") };
            let tags: Vec<Value> =
                tags.elements().iter().map(|t| t.to_string().trim_matches('"').into()).collect();
            assert_eq!(Value::Array(tags), said["tags"]);
        }
    }
    assert!(expected.next().is_none());
}

#[test]
fn ranges_and_filters_choose_what_is_exported() {
    let home = machine("desk", 40);
    let mut simulated = request("desk", 100);
    simulated.simulated = true;
    record(&home, vec![simulated]);
    for (args, count) in [
        (&["--since", "2026-07-02"][..], 16),
        (&["--until", "2026-07-01"], 24),
        (&["--session", "desk-1"], 10),
        (&["--model", "brand-new-model", "--agent", "main"], 4),
        (&["--tag", "host=desk"], 20),
        (&["--branch", "other"], 0),
        (&["--include-simulated"], 41),
    ] {
        let args: Vec<&str> = ["analytics", "export"].iter().chain(args).copied().collect();
        let lines = lines(&home.run(args.iter().copied()).out);
        assert_eq!(requests(&lines).len(), count, "{args:?}");
        assert_eq!(lines.last().unwrap()["end"]["requests"], count);
    }
}

#[test]
fn what_does_not_count_is_no_row_but_goes_along() {
    let home = machine("desk", 1);
    // The run tells of one failure of the session, the transcript of two.
    let failed = |by: WitnessKind, uuid: &str| {
        let mut w = Witness::default();
        w.by = by;
        w.ts = JULY + HOUR;
        w.uuid = Some(uuid.to_owned());
        w.session = Some("desk-0".into());
        w.error = Some("overloaded_error".to_owned());
        w
    };
    record(
        &home,
        vec![
            failed(WitnessKind::Run, "a"),
            failed(WitnessKind::Transcript, "b"),
            failed(WitnessKind::Transcript, "c"),
        ],
    );
    let lines = lines(&home.run(["analytics", "export"]).out);
    assert_eq!(lines.last().unwrap()["end"], serde_json::json!({ "runs": 0, "requests": 2, "records": 4 }));
    assert_eq!(home.run(["analytics", "export", "--format", "csv"]).out.lines().count(), 3);
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let home = machine("desk", 10);
    let stdout = home.run(["analytics", "export"]).out;
    let file = home.write("out.ndjson", "what was there");
    let link = home.path("link.ndjson");
    symlink(&file, &link).unwrap();
    let exported = home.run(["analytics", "export", "--output", link.to_str().unwrap()]);
    assert_eq!((exported.code, exported.out.as_str()), (Some(0), ""));
    assert_eq!(exported.err, format!("claude-cli: 10 rows in {}\n", link.display()));
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), stdout);

    let packed = home.path("out.ndjson.gz");
    home.run(["--quiet", "analytics", "export", "--output", packed.to_str().unwrap()]);
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(fs::File::open(&packed).unwrap()).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, stdout);

    // What cannot be written is an error, and leaves nothing behind.
    let nowhere = home.run(["analytics", "export", "--output", "/dev/full"]);
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    let missing = home.path("no/such/folder.ndjson");
    assert_eq!(home.run(["analytics", "export", "--output", missing.to_str().unwrap()]).code, Some(1));
    let left: Vec<_> = fs::read_dir(home.folder.path())
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let home = machine("desk", 1);
    let ledger = home.ledger_path();
    for args in [
        &["--format", "json"][..],
        &["--format", "table"],
        &["--output", ledger.to_str().unwrap()],
        &["--output", "x", "--parquet", "y"],
        &["--since", "2026-07-02", "--until", "2026-07-01"],
    ] {
        let args: Vec<&str> = ["analytics", "export"].iter().chain(args).copied().collect();
        let refused = home.run(args.iter().copied());
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{args:?} {refused:?}");
    }
    home.verify();
    let nothing = Home::new().run(["analytics", "export"]);
    assert_eq!(nothing.code, Some(0));
    assert_eq!(lines(&nothing.out).len(), 2, "a header and an end");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let home = machine("desk", 3000);
    let mut command = home.isolated("/bin/sh");
    command.args(["-c", &format!("{{ {BINARY} analytics export; echo $? >&2; }} | head -n 1")]);
    let done = done(&mut command);
    assert_eq!((done.out.lines().count(), done.err.as_str()), (1, "0\n"));
}
