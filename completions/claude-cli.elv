
use builtin;
use str;

set edit:completion:arg-completer[claude-cli] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'claude-cli'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'claude-cli'= {
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand query 'Run a prompt and print its answer'
            cand stream 'Run a prompt and print its answer as it comes; `-` records a stream from stdin'
            cand analytics 'Answer questions about what was spent'
            cand timeseries 'Show how cost, requests and latency went over time'
            cand simulate 'Serve a simulated Messages API on loopback'
            cand completions 'Print a shell''s completion script'
            cand man 'Write the man pages'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'claude-cli;query'= {
            cand --backend 'What to run it on; `auto` takes the `claude` program, else the Messages API'
            cand -m 'The model, by name or alias (sonnet, opus, haiku)'
            cand --model 'The model, by name or alias (sonnet, opus, haiku)'
            cand -s 'The system prompt'
            cand --system 'The system prompt'
            cand -o 'How the answer is written'
            cand --output 'How the answer is written'
            cand --timeout 'The longest the whole run may take, or `none`'
            cand --first-token-timeout 'The longest to wait for the first token, or `none`'
            cand --idle-timeout 'The longest silence after it, or `none`'
            cand --retries 'How often a request that may be retried is retried (Messages API only)'
            cand --max-tokens 'The most output tokens of the answer (Messages API only)'
            cand --claude 'The `claude` program [default: the one on PATH]'
            cand --tag 'Mark what is recorded, for `analytics summary --by tag`; may be repeated'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --no-stdin 'Do not read stdin'
            cand --no-record 'Do not record the run in the ledger'
            cand --stats 'End with a line of figures on stderr even if that is no terminal'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;stream'= {
            cand --backend 'What to run it on; `auto` takes the `claude` program, else the Messages API'
            cand -m 'The model, by name or alias (sonnet, opus, haiku)'
            cand --model 'The model, by name or alias (sonnet, opus, haiku)'
            cand -s 'The system prompt'
            cand --system 'The system prompt'
            cand -o 'How the answer is written'
            cand --output 'How the answer is written'
            cand --timeout 'The longest the whole run may take, or `none`'
            cand --first-token-timeout 'The longest to wait for the first token, or `none`'
            cand --idle-timeout 'The longest silence after it, or `none`'
            cand --retries 'How often a request that may be retried is retried (Messages API only)'
            cand --max-tokens 'The most output tokens of the answer (Messages API only)'
            cand --claude 'The `claude` program [default: the one on PATH]'
            cand --tag 'Mark what is recorded, for `analytics summary --by tag`; may be repeated'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --no-stdin 'Do not read stdin'
            cand --no-record 'Do not record the run in the ledger'
            cand --stats 'End with a line of figures on stderr even if that is no terminal'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;analytics'= {
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand summary 'Show what was spent, in all and by day, model, project, …'
            cand timeseries 'Show how cost, requests and latency went over time'
            cand runs 'List what this program ran'
            cand verify 'Check the ledger and its rollups'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'claude-cli;analytics;summary'= {
            cand --by 'Group by day, week, month, hour, model, project, session, source, tag, agent, user or host'
            cand --since 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday'
            cand --until 'Up to this time; a date counts to its end'
            cand --cost-mode 'Which cost counts'
            cand --fail-over 'Exit with 3 if more than this was spent, if a cost is unknown, or if there is no data'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --include-simulated 'Count what the simulated backend did, too'
            cand --allow-unpriced 'With --fail-over: let requests of unknown cost pass'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;analytics;timeseries'= {
            cand -m 'What to show: cost, commands, success_rate, response_time, tokens'
            cand --metric 'What to show: cost, commands, success_rate, response_time, tokens'
            cand -b 'The length of a bucket: a multiple of 15m up to 1d, or 1w'
            cand --bucket 'The length of a bucket: a multiple of 15m up to 1d, or 1w'
            cand --since 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday'
            cand --until 'Up to this time; a date counts to its end'
            cand --cost-mode 'Which cost counts'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --include-simulated 'Count what the simulated backend did, too'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;analytics;runs'= {
            cand -n 'At most so many'
            cand --limit 'At most so many'
            cand --since 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday'
            cand --until 'Up to this time; a date counts to its end'
            cand --cost-mode 'Which cost counts'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --include-simulated 'Count what the simulated backend did, too'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;analytics;verify'= {
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --repair 'Replace damaged rollups by what the rows say'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;analytics;help'= {
            cand summary 'Show what was spent, in all and by day, model, project, …'
            cand timeseries 'Show how cost, requests and latency went over time'
            cand runs 'List what this program ran'
            cand verify 'Check the ledger and its rollups'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'claude-cli;analytics;help;summary'= {
        }
        &'claude-cli;analytics;help;timeseries'= {
        }
        &'claude-cli;analytics;help;runs'= {
        }
        &'claude-cli;analytics;help;verify'= {
        }
        &'claude-cli;analytics;help;help'= {
        }
        &'claude-cli;timeseries'= {
            cand -m 'What to show: cost, commands, success_rate, response_time, tokens'
            cand --metric 'What to show: cost, commands, success_rate, response_time, tokens'
            cand -b 'The length of a bucket: a multiple of 15m up to 1d, or 1w'
            cand --bucket 'The length of a bucket: a multiple of 15m up to 1d, or 1w'
            cand --since 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday'
            cand --until 'Up to this time; a date counts to its end'
            cand --cost-mode 'Which cost counts'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --include-simulated 'Count what the simulated backend did, too'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;simulate'= {
            cand --listen 'Where to listen; loopback only, port 0 takes a free one'
            cand --reply 'The text of every answer'
            cand --ttft 'Time to the first piece of content'
            cand --token-interval 'Time between two pieces'
            cand --chunk-chars 'Characters in a piece'
            cand --thinking 'A thinking block before the text'
            cand --tool 'Call a tool before the text, if the client offers it; may be repeated'
            cand --subagent 'Start a subagent with this prompt before the text'
            cand --error-status 'Refuse requests with this HTTP status'
            cand --error-rate 'The share of requests that are refused, 0 to 1 [default: 1, or 0 with --error-first]'
            cand --error-first 'Refuse the first so many requests'
            cand --retry-after 'The retry-after header of a refusal'
            cand --stall-after 'Pause after so many pieces'
            cand --stall 'The length of that pause'
            cand --cut-after 'Break the connection after so many pieces'
            cand --input-tokens 'Reported input tokens [default: a quarter of the characters sent]'
            cand --cache-read 'Reported cache reads'
            cand --cache-write-5m 'Reported 5-minute cache writes'
            cand --cache-write-1h 'Reported 1-hour cache writes'
            cand --seed 'Draws ids and errors; the same seed gives the same ones'
            cand --log 'Write a JSON line for every request'
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand --echo 'Answer with what the last user message said'
            cand --log-bodies 'Put the messages sent into that log; keys are never in it'
            cand --outlive-parent 'Go on when the process that started it ends'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;completions'= {
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;man'= {
            cand --format 'How reports are written [default: table on a terminal, json in a pipe]'
            cand --db 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]'
            cand --tz 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30'
            cand -q 'Say nothing on stderr but errors'
            cand --quiet 'Say nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'claude-cli;help'= {
            cand query 'Run a prompt and print its answer'
            cand stream 'Run a prompt and print its answer as it comes; `-` records a stream from stdin'
            cand analytics 'Answer questions about what was spent'
            cand timeseries 'Show how cost, requests and latency went over time'
            cand simulate 'Serve a simulated Messages API on loopback'
            cand completions 'Print a shell''s completion script'
            cand man 'Write the man pages'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'claude-cli;help;query'= {
        }
        &'claude-cli;help;stream'= {
        }
        &'claude-cli;help;analytics'= {
            cand summary 'Show what was spent, in all and by day, model, project, …'
            cand timeseries 'Show how cost, requests and latency went over time'
            cand runs 'List what this program ran'
            cand verify 'Check the ledger and its rollups'
        }
        &'claude-cli;help;analytics;summary'= {
        }
        &'claude-cli;help;analytics;timeseries'= {
        }
        &'claude-cli;help;analytics;runs'= {
        }
        &'claude-cli;help;analytics;verify'= {
        }
        &'claude-cli;help;timeseries'= {
        }
        &'claude-cli;help;simulate'= {
        }
        &'claude-cli;help;completions'= {
        }
        &'claude-cli;help;man'= {
        }
        &'claude-cli;help;help'= {
        }
    ]
    $completions[$command]
}
