//! Colour is where it is wanted, and nowhere else.

use crate::harness::{Done, Home, done};

fn help(args: &[&str], variables: &[(&str, &str)]) -> Done {
    let home = Home::new();
    let done = done(home.cli(args.iter().copied()).envs(variables.iter().copied()));
    assert!(done.out.contains("Usage:") || done.err.contains("Usage:"), "{done:?}");
    done
}

fn is_coloured(done: &Done) -> bool {
    done.out.contains('\x1b') || done.err.contains('\x1b')
}

#[test]
fn help_and_usage_errors_obey_the_option_over_the_environment() {
    let forced = [("CLICOLOR_FORCE", "1")];
    let unwanted = [("NO_COLOR", "1")];
    for tail in [["query", "--help"], ["query", "--bakend"]] {
        let with = |options: &[&'static str]| [options, &tail].concat();
        assert!(!is_coloured(&help(&with(&[]), &[])), "a pipe is no terminal");
        assert!(is_coloured(&help(&with(&[]), &forced)));
        assert!(!is_coloured(&help(&with(&["--color", "never"]), &forced)));
        assert!(!is_coloured(&help(&with(&["--color=never"]), &forced)));
        assert!(is_coloured(&help(&with(&["--color=always"]), &[])));
        assert!(is_coloured(&help(&with(&["--color=always"]), &unwanted)));
    }
}

#[test]
fn the_config_file_decides_where_the_option_does_not() {
    let home = Home::new();
    assert_eq!(home.run(["config", "set", "color", "always"]).code, Some(0));
    assert!(is_coloured(&home.run(["--help"])));
    assert!(!is_coloured(&home.run(["--help", "--color=never"])));
}
