//! The profile of a query on the real `claude` program.

use serde_json::Value;

use crate::{
    harness::done,
    profile::{checked_trace, paths},
    real_claude::Real,
};

#[test]
fn hardly_any_time_of_a_real_query_is_in_no_phase() {
    let Some(real) = Real::new([]) else { return };
    let trace = real.home.path("trace.json");
    let mut command = real.cli(["profile", "query", "--runs", "3", "say hello", "--trace"]);
    let done = done(command.arg(&trace));
    assert_eq!(done.code, Some(0), "{done:?}");
    let profile: Value = serde_json::from_str(&done.out).unwrap();
    // Of the worst of three runs.
    let share = profile["no_phase_share"].as_f64().unwrap();
    assert!(share <= 0.02, "{:.2}% of the time is in no phase: {profile}", share * 100.0);
    let told = paths(&profile, false);
    for phase in ["spawn", "first byte", "init", "first token", "last token", "result", "child exit", "commit"] {
        assert!(told.contains(&format!("query/{phase}")), "{phase}: {told:?}");
    }
    // The program alone takes 200 MB.
    if cfg!(target_os = "linux") {
        assert!(profile["memory"]["child_peak_bytes"].as_u64() > Some(100_000_000), "{profile}");
    }
    let spans = checked_trace(&trace);
    assert!(spans.iter().any(|span| span.0 == "first byte"), "{spans:?}");
}
