//! Workflow commands that put a word on a run's page.

/// Whose workflow commands to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Annotate {
    /// GitHub Actions
    Github,
}

/// How grave a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gravity {
    Warning,
    Error,
}

/// A workflow command of GitHub Actions.
pub(crate) fn github(gravity: Gravity, title: &str, message: &str) -> String {
    let name = match gravity {
        Gravity::Warning => "warning",
        Gravity::Error => "error",
    };
    // A title ends at a comma or colons, a message at the end of the line.
    let message = message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = title.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = title.replace(':', "%3A").replace(',', "%2C");
    format!("::{name} title={title}::{message}")
}

#[cfg(test)]
mod tests {
    use super::{Gravity, github};

    #[test]
    fn nothing_in_a_word_ends_it_early() {
        assert_eq!(
            github(Gravity::Error, "a: b, 50%", "over 100%\r\n::error::x"),
            "::error title=a%3A b%2C 50%25::over 100%25%0D%0A::error::x"
        );
        assert_eq!(github(Gravity::Warning, "t", "a: b, c"), "::warning title=t::a: b, c");
    }
}
