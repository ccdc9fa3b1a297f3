
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'claude-cli' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'claude-cli'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'claude-cli' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('query', 'query', [CompletionResultType]::ParameterValue, 'Run a prompt and print its answer')
            [CompletionResult]::new('stream', 'stream', [CompletionResultType]::ParameterValue, 'Run a prompt and print its answer as it comes; `-` records a stream from stdin')
            [CompletionResult]::new('analytics', 'analytics', [CompletionResultType]::ParameterValue, 'Answer questions about what was spent')
            [CompletionResult]::new('timeseries', 'timeseries', [CompletionResultType]::ParameterValue, 'Show how cost, requests and latency went over time')
            [CompletionResult]::new('simulate', 'simulate', [CompletionResultType]::ParameterValue, 'Serve a simulated Messages API on loopback')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a shell''s completion script')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the man pages')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'claude-cli;query' {
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'What to run it on; `auto` takes the `claude` program, else the Messages API')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'The model, by name or alias (sonnet, opus, haiku)')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'The model, by name or alias (sonnet, opus, haiku)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The system prompt')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'The system prompt')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The longest the whole run may take, or `none`')
            [CompletionResult]::new('--first-token-timeout', '--first-token-timeout', [CompletionResultType]::ParameterName, 'The longest to wait for the first token, or `none`')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'The longest silence after it, or `none`')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often a request that may be retried is retried (Messages API only)')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'The most output tokens of the answer (Messages API only)')
            [CompletionResult]::new('--claude', '--claude', [CompletionResultType]::ParameterName, 'The `claude` program [default: the one on PATH]')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Mark what is recorded, for `analytics summary --by tag`; may be repeated')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read stdin')
            [CompletionResult]::new('--no-record', '--no-record', [CompletionResultType]::ParameterName, 'Do not record the run in the ledger')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'End with a line of figures on stderr even if that is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;stream' {
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'What to run it on; `auto` takes the `claude` program, else the Messages API')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'The model, by name or alias (sonnet, opus, haiku)')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'The model, by name or alias (sonnet, opus, haiku)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The system prompt')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'The system prompt')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How the answer is written')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The longest the whole run may take, or `none`')
            [CompletionResult]::new('--first-token-timeout', '--first-token-timeout', [CompletionResultType]::ParameterName, 'The longest to wait for the first token, or `none`')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'The longest silence after it, or `none`')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often a request that may be retried is retried (Messages API only)')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'The most output tokens of the answer (Messages API only)')
            [CompletionResult]::new('--claude', '--claude', [CompletionResultType]::ParameterName, 'The `claude` program [default: the one on PATH]')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Mark what is recorded, for `analytics summary --by tag`; may be repeated')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read stdin')
            [CompletionResult]::new('--no-record', '--no-record', [CompletionResultType]::ParameterName, 'Do not record the run in the ledger')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'End with a line of figures on stderr even if that is no terminal')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;analytics' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('summary', 'summary', [CompletionResultType]::ParameterValue, 'Show what was spent, in all and by day, model, project, …')
            [CompletionResult]::new('timeseries', 'timeseries', [CompletionResultType]::ParameterValue, 'Show how cost, requests and latency went over time')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List what this program ran')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the ledger and its rollups')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'claude-cli;analytics;summary' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Group by day, week, month, hour, model, project, session, source, tag, agent, user or host')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Up to this time; a date counts to its end')
            [CompletionResult]::new('--cost-mode', '--cost-mode', [CompletionResultType]::ParameterName, 'Which cost counts')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Exit with 3 if more than this was spent, if a cost is unknown, or if there is no data')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--include-simulated', '--include-simulated', [CompletionResultType]::ParameterName, 'Count what the simulated backend did, too')
            [CompletionResult]::new('--allow-unpriced', '--allow-unpriced', [CompletionResultType]::ParameterName, 'With --fail-over: let requests of unknown cost pass')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;analytics;timeseries' {
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'What to show: cost, commands, success_rate, response_time, tokens')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What to show: cost, commands, success_rate, response_time, tokens')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The length of a bucket: a multiple of 15m up to 1d, or 1w')
            [CompletionResult]::new('--bucket', '--bucket', [CompletionResultType]::ParameterName, 'The length of a bucket: a multiple of 15m up to 1d, or 1w')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Up to this time; a date counts to its end')
            [CompletionResult]::new('--cost-mode', '--cost-mode', [CompletionResultType]::ParameterName, 'Which cost counts')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--include-simulated', '--include-simulated', [CompletionResultType]::ParameterName, 'Count what the simulated backend did, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;analytics;runs' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Up to this time; a date counts to its end')
            [CompletionResult]::new('--cost-mode', '--cost-mode', [CompletionResultType]::ParameterName, 'Which cost counts')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--include-simulated', '--include-simulated', [CompletionResultType]::ParameterName, 'Count what the simulated backend did, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;analytics;verify' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--repair', '--repair', [CompletionResultType]::ParameterName, 'Replace damaged rollups by what the rows say')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;analytics;help' {
            [CompletionResult]::new('summary', 'summary', [CompletionResultType]::ParameterValue, 'Show what was spent, in all and by day, model, project, …')
            [CompletionResult]::new('timeseries', 'timeseries', [CompletionResultType]::ParameterValue, 'Show how cost, requests and latency went over time')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List what this program ran')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the ledger and its rollups')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'claude-cli;analytics;help;summary' {
            break
        }
        'claude-cli;analytics;help;timeseries' {
            break
        }
        'claude-cli;analytics;help;runs' {
            break
        }
        'claude-cli;analytics;help;verify' {
            break
        }
        'claude-cli;analytics;help;help' {
            break
        }
        'claude-cli;timeseries' {
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'What to show: cost, commands, success_rate, response_time, tokens')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'What to show: cost, commands, success_rate, response_time, tokens')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The length of a bucket: a multiple of 15m up to 1d, or 1w')
            [CompletionResult]::new('--bucket', '--bucket', [CompletionResultType]::ParameterName, 'The length of a bucket: a multiple of 15m up to 1d, or 1w')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Up to this time; a date counts to its end')
            [CompletionResult]::new('--cost-mode', '--cost-mode', [CompletionResultType]::ParameterName, 'Which cost counts')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--include-simulated', '--include-simulated', [CompletionResultType]::ParameterName, 'Count what the simulated backend did, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;simulate' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Where to listen; loopback only, port 0 takes a free one')
            [CompletionResult]::new('--reply', '--reply', [CompletionResultType]::ParameterName, 'The text of every answer')
            [CompletionResult]::new('--ttft', '--ttft', [CompletionResultType]::ParameterName, 'Time to the first piece of content')
            [CompletionResult]::new('--token-interval', '--token-interval', [CompletionResultType]::ParameterName, 'Time between two pieces')
            [CompletionResult]::new('--chunk-chars', '--chunk-chars', [CompletionResultType]::ParameterName, 'Characters in a piece')
            [CompletionResult]::new('--thinking', '--thinking', [CompletionResultType]::ParameterName, 'A thinking block before the text')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Call a tool before the text, if the client offers it; may be repeated')
            [CompletionResult]::new('--subagent', '--subagent', [CompletionResultType]::ParameterName, 'Start a subagent with this prompt before the text')
            [CompletionResult]::new('--error-status', '--error-status', [CompletionResultType]::ParameterName, 'Refuse requests with this HTTP status')
            [CompletionResult]::new('--error-rate', '--error-rate', [CompletionResultType]::ParameterName, 'The share of requests that are refused, 0 to 1 [default: 1, or 0 with --error-first]')
            [CompletionResult]::new('--error-first', '--error-first', [CompletionResultType]::ParameterName, 'Refuse the first so many requests')
            [CompletionResult]::new('--retry-after', '--retry-after', [CompletionResultType]::ParameterName, 'The retry-after header of a refusal')
            [CompletionResult]::new('--stall-after', '--stall-after', [CompletionResultType]::ParameterName, 'Pause after so many pieces')
            [CompletionResult]::new('--stall', '--stall', [CompletionResultType]::ParameterName, 'The length of that pause')
            [CompletionResult]::new('--cut-after', '--cut-after', [CompletionResultType]::ParameterName, 'Break the connection after so many pieces')
            [CompletionResult]::new('--input-tokens', '--input-tokens', [CompletionResultType]::ParameterName, 'Reported input tokens [default: a quarter of the characters sent]')
            [CompletionResult]::new('--cache-read', '--cache-read', [CompletionResultType]::ParameterName, 'Reported cache reads')
            [CompletionResult]::new('--cache-write-5m', '--cache-write-5m', [CompletionResultType]::ParameterName, 'Reported 5-minute cache writes')
            [CompletionResult]::new('--cache-write-1h', '--cache-write-1h', [CompletionResultType]::ParameterName, 'Reported 1-hour cache writes')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Draws ids and errors; the same seed gives the same ones')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write a JSON line for every request')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Answer with what the last user message said')
            [CompletionResult]::new('--log-bodies', '--log-bodies', [CompletionResultType]::ParameterName, 'Put the messages sent into that log; keys are never in it')
            [CompletionResult]::new('--outlive-parent', '--outlive-parent', [CompletionResultType]::ParameterName, 'Go on when the process that started it ends')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;completions' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;man' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How reports are written [default: table on a terminal, json in a pipe]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]')
            [CompletionResult]::new('--tz', '--tz', [CompletionResultType]::ParameterName, 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'claude-cli;help' {
            [CompletionResult]::new('query', 'query', [CompletionResultType]::ParameterValue, 'Run a prompt and print its answer')
            [CompletionResult]::new('stream', 'stream', [CompletionResultType]::ParameterValue, 'Run a prompt and print its answer as it comes; `-` records a stream from stdin')
            [CompletionResult]::new('analytics', 'analytics', [CompletionResultType]::ParameterValue, 'Answer questions about what was spent')
            [CompletionResult]::new('timeseries', 'timeseries', [CompletionResultType]::ParameterValue, 'Show how cost, requests and latency went over time')
            [CompletionResult]::new('simulate', 'simulate', [CompletionResultType]::ParameterValue, 'Serve a simulated Messages API on loopback')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a shell''s completion script')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the man pages')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'claude-cli;help;query' {
            break
        }
        'claude-cli;help;stream' {
            break
        }
        'claude-cli;help;analytics' {
            [CompletionResult]::new('summary', 'summary', [CompletionResultType]::ParameterValue, 'Show what was spent, in all and by day, model, project, …')
            [CompletionResult]::new('timeseries', 'timeseries', [CompletionResultType]::ParameterValue, 'Show how cost, requests and latency went over time')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List what this program ran')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the ledger and its rollups')
            break
        }
        'claude-cli;help;analytics;summary' {
            break
        }
        'claude-cli;help;analytics;timeseries' {
            break
        }
        'claude-cli;help;analytics;runs' {
            break
        }
        'claude-cli;help;analytics;verify' {
            break
        }
        'claude-cli;help;timeseries' {
            break
        }
        'claude-cli;help;simulate' {
            break
        }
        'claude-cli;help;completions' {
            break
        }
        'claude-cli;help;man' {
            break
        }
        'claude-cli;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
