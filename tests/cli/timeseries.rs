//! `timeseries` drawn: on a terminal, in a Markdown table, as a picture.

use std::fs;

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness};

use crate::{
    harness::{Done, Home, done},
    pty::Terminal,
};

const FIRST: &str = "2026-10-24T22:00:00Z";

/// So many hours, from the midnight in Berlin of the day on which the clocks go
/// back; the third has no cost that is known, and the fifth has no request.
fn hours(count: i64) -> Home {
    let home = Home::new();
    let first = FIRST.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let mut batch = Batch::default();
    for n in (0..count).filter(|n| *n != 4) {
        let mut w = Witness::default();
        w.message_id = Some(format!("m{n}"));
        w.ts = first + n * 3_600_000;
        w.model = Some(if n == 2 { "brand-new" } else { "claude-opus-4-8" }.into());
        w.project = Some("/a|b\\c".into());
        w.usage.output_tokens = 1000 * u64::try_from(1 + n % 7).unwrap();
        w.duration_ms = Some(100 + 10 * n);
        batch.witnesses.push(w);
    }
    SqliteLedger::open(&home.ledger_path()).unwrap().append(&batch).unwrap();
    home
}

/// The series of the 25-hour day, with more options.
fn day(home: &Home, more: &[&str]) -> Done {
    let range = ["--tz", "Europe/Berlin", "timeseries", "--since", "2026-10-25", "--until", "2026-10-25"];
    home.run(range.into_iter().chain(more.iter().copied()))
}

#[test]
fn bars_take_what_the_terminal_has() {
    let home = hours(25);
    for width in [60, 120, 200] {
        let mut command =
            home.cli(["timeseries", "--since", FIRST, "--until", "2026-10-25T10:00", "--metric", "tokens"]);
        let (code, shown) = Terminal::new(width).run(&mut command);
        assert_eq!(code, Some(0), "{shown}");
        let widest = shown.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
        assert_eq!(widest, usize::from(width), "{shown}");
        let bar = |line: &str| line.chars().filter(|letter| *letter == '█').count();
        let longest = shown.lines().map(bar).max().unwrap();
        assert!(longest > usize::from(width) - 40, "the largest fills its column: {longest}\n{shown}");
    }
}

#[test]
fn many_buckets_become_lines_and_colour_follows_the_conventions() {
    let home = hours(90);
    let range = ["timeseries", "--since", "2026-10-25", "--until", "2026-10-28", "--metric", "cost,response_time"];
    let shown = |more: &[&str], set: &[(&str, &str)]| {
        let mut command = home.cli(range.into_iter().chain(more.iter().copied()));
        command.envs(set.iter().copied());
        Terminal::new(80).run(&mut command).1
    };
    let coloured = shown(&[], &[]);
    assert!(coloured.contains("Cost (USD), 2026-10-25 00:00 – 2026-10-29 00:00"), "{coloured}");
    assert!(coloured.contains("\x1b[0;32m") && coloured.contains('⣀'), "{coloured:?}");
    let plain = shown(&[], &[("NO_COLOR", "1")]);
    assert!(!plain.contains('\x1b') && plain.contains('⣀'), "{plain:?}");
    assert!(plain.lines().all(|line| line.trim_end().chars().count() <= 80), "{plain}");
    let bars = shown(&["--view", "bars"], &[]);
    assert!(bars.contains("2026-10-27 05:00") && bars.lines().count() > 96, "{bars}");
    let sparks = shown(&["--view", "sparklines"], &[]);
    assert!(sparks.contains("Median response time") && sparks.contains('█'), "{sparks}");
    assert!(sparks.lines().count() < 8, "a line a metric: {sparks}");
}

#[test]
fn a_picture_names_what_it_shows() {
    let home = hours(25);
    let file = home.path("plot.svg");
    let all = "cost,commands,success_rate,response_time,tokens";
    let made = day(&home, &["--metric", all, "--plot", file.to_str().unwrap()]);
    assert_eq!((made.code, made.out.as_str()), (Some(0), ""), "{made:?}");
    assert!(made.err.contains("wrote ") && made.err.contains("plot.svg"), "{made:?}");
    let svg = fs::read_to_string(&file).unwrap();
    for words in [
        "Cost, Requests, Success rate, Median response time, Tokens per 1h",
        "2026-10-25 00:00 – 2026-10-26 00:00 Europe/Berlin",
        "Time (Europe/Berlin)",
        "Cost (USD): $",
        "cost unknown",
        "Requests: 24 in all",
        "Success rate: 100 % in all",
        "prefers-color-scheme: dark",
    ] {
        assert!(svg.contains(words), "{words}: {svg}");
    }
    // The clocks go back at 03:00: three more hours than its name says are before it.
    let at = |label: &str| -> f64 {
        let end = svg.find(&format!(">\n{label}\n")).unwrap_or_else(|| panic!("{label}: {svg}"));
        let start = svg[..end].rfind("x=\"").unwrap() + 3;
        svg[start..].split('"').next().unwrap().parse().unwrap()
    };
    let (midnight, three, six) = (at("Oct 25"), at("03:00"), at("06:00"));
    assert!(((three - midnight) / (six - three) - 4.0 / 3.0).abs() < 0.05, "{midnight} {three} {six}");
    assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    let both = day(&home, &["--plot", file.to_str().unwrap(), "--format", "csv"]);
    assert!(both.out.starts_with("start,cost,commands\r\n"), "{both:?}");
}

#[test]
fn what_is_asked_for_beside_the_values_is_shown() {
    let home = hours(60);
    let ledger = SqliteLedger::open(&home.ledger_path());
    let mut w = Witness::default();
    w.message_id = Some("much".to_owned());
    w.ts = FIRST.parse::<jiff::Timestamp>().unwrap().as_millisecond() + 30 * 3_600_000;
    w.model = Some("claude-opus-4-8".into());
    w.usage.output_tokens = 9_000_000;
    ledger.unwrap().append(&Batch { witnesses: vec![w], ..Batch::default() }).unwrap();
    let args = ["timeseries", "--since", "2026-10-26", "--until", "2026-10-26", "--metric", "tokens"];
    let more = ["--compare", "--moving-average", "3", "--anomalies"];
    let all = || args.into_iter().chain(more);
    let json = home.json(all());
    let series = &json["series"][0];
    assert!(series["previous"]["total"].is_number() && series["moving_average"].is_object(), "{series}");
    let table = home.run(all().chain(["--format", "table", "--view", "bars"])).out;
    let marked: Vec<&str> = table.lines().filter(|line| line.contains(" ! ")).collect();
    assert!(marked.len() == 1 && marked[0].contains("9,00"), "{table}");
    let sparks = home.run(all().chain(["--format", "table", "--view", "sparklines"])).out;
    assert!(sparks.contains("Before") && sparks.contains(" %"), "{sparks}");
    let file = home.path("plot.svg");
    assert_eq!(home.run(all().chain(["--plot", file.to_str().unwrap()])).code, Some(0));
    let svg = fs::read_to_string(&file).unwrap();
    for words in ["period before: ", "mean of 3 buckets", "1 stand out (circles)"] {
        assert!(svg.contains(words), "{words}: {svg}");
    }
    assert_eq!(home.run(args.into_iter().chain(["--moving-average", "1"])).code, Some(2));
}

/// Width, height and pixels.
fn decoded(path: &std::path::Path) -> (u32, u32, Vec<[u8; 3]>) {
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels = bytes.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect();
    (info.width, info.height, pixels)
}

#[test]
fn a_png_has_its_words_on_a_machine_without_a_font() {
    let home = hours(25);
    for (theme, background, bars) in
        [("auto", [0xff; 3], [0x09, 0x69, 0xda]), ("dark", [0x0d, 0x11, 0x17], [0x44, 0x93, 0xf8])]
    {
        let file = home.path("plot.png");
        let made = day(&home, &["--metric", "cost", "--plot-theme", theme, "--plot", file.to_str().unwrap()]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let (width, height, pixels) = decoded(&file);
        assert_eq!((width, height), (1920, 924));
        let count = |color: [u8; 3], rows: std::ops::Range<usize>| {
            let part = &pixels[rows.start * width as usize..rows.end * width as usize];
            part.iter().filter(|pixel| **pixel == color).count()
        };
        assert!(count(bars, 208..808) > 50_000, "{theme}: there are bars");
        let title = 72 * width as usize - count(background, 0..72);
        assert!(title > 1000, "{theme}: the title is there: {title}");
        let axis = count(background, 900..924);
        assert_eq!(axis, 24 * width as usize, "{theme}: nothing is at the edge");
    }
}

#[test]
fn a_picture_of_nothing_says_so() {
    let home = hours(1);
    let file = home.path("none.svg");
    let args = ["timeseries", "--since", "2020-01-01", "--until", "2020-01-01", "--metric", "cost,success_rate"];
    let made = home.run(args.into_iter().chain(["--plot", file.to_str().unwrap()]));
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.err.contains("no requests in this range"), "{made:?}");
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.contains("none in this range") && svg.contains("Success rate: no data"), "{svg}");
}

#[test]
fn what_cannot_be_drawn_is_said_and_leaves_what_was_there() {
    let home = hours(1);
    for name in ["plot.gif", "plot", "nowhere/plot.svg"] {
        let made = day(&home, &["--plot", home.path(name).to_str().unwrap()]);
        assert_eq!(made.code, Some(if name.contains('/') { 1 } else { 2 }), "{made:?}");
        assert!(made.err.contains(name), "{made:?}");
    }
    assert_eq!(day(&home, &["--plot-theme", "dark"]).code, Some(2), "there is no picture");
}

#[test]
fn markdown_cells_hold_what_they_are_given() {
    let home = hours(1);
    let table = home.run(["analytics", "summary", "--by", "project", "--format", "markdown"]).out;
    let row = table.lines().find(|line| line.contains("/a")).unwrap();
    assert!(row.contains(r"/a\|b\\c"), "{table}");
    let cells = |line: &str| line.replace(r"\|", "").matches('|').count();
    assert_eq!(cells(row), cells(table.lines().next().unwrap()), "{table}");
    assert_eq!(
        done(&mut home.cli(["analytics", "summary", "--by", "project", "--format", "csv"]))
            .out
            .matches(r"/a|b\c")
            .count(),
        1
    );
}
