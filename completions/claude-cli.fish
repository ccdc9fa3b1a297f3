# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_claude_cli_global_optspecs
    string join \n format= db= tz= q/quiet h/help V/version
end

function __fish_claude_cli_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_claude_cli_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_claude_cli_using_subcommand
    set -l cmd (__fish_claude_cli_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c claude-cli -n "__fish_claude_cli_needs_command" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_needs_command" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_needs_command" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -s V -l version -d 'Print version'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "query" -d 'Run a prompt and print its answer'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "stream" -d 'Run a prompt and print its answer as it comes; `-` records a stream from stdin'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "analytics" -d 'Answer questions about what was spent'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "timeseries" -d 'Show how cost, requests and latency went over time'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "simulate" -d 'Serve a simulated Messages API on loopback'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "man" -d 'Write the man pages'
complete -c claude-cli -n "__fish_claude_cli_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l backend -d 'What to run it on; `auto` takes the `claude` program, else the Messages API' -r -f -a "auto\t''
claude\t''
api\t''
simulated\t''"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -s m -l model -d 'The model, by name or alias (sonnet, opus, haiku)' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -s s -l system -d 'The system prompt' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -s o -l output -d 'How the answer is written' -r -f -a "text\t'The answer\'s text'
json\t'One JSON document with the answer, its tokens, cost and times'
stream-json\t'Every message as a line of JSON, as it comes'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l timeout -d 'The longest the whole run may take, or `none`' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l first-token-timeout -d 'The longest to wait for the first token, or `none`' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l idle-timeout -d 'The longest silence after it, or `none`' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l retries -d 'How often a request that may be retried is retried (Messages API only)' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l max-tokens -d 'The most output tokens of the answer (Messages API only)' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l claude -d 'The `claude` program [default: the one on PATH]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l tag -d 'Mark what is recorded, for `analytics summary --by tag`; may be repeated' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l no-stdin -d 'Do not read stdin'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l no-record -d 'Do not record the run in the ledger'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -l stats -d 'End with a line of figures on stderr even if that is no terminal'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand query" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l backend -d 'What to run it on; `auto` takes the `claude` program, else the Messages API' -r -f -a "auto\t''
claude\t''
api\t''
simulated\t''"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -s m -l model -d 'The model, by name or alias (sonnet, opus, haiku)' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -s s -l system -d 'The system prompt' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -s o -l output -d 'How the answer is written' -r -f -a "text\t'The answer\'s text'
json\t'One JSON document with the answer, its tokens, cost and times'
stream-json\t'Every message as a line of JSON, as it comes'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l timeout -d 'The longest the whole run may take, or `none`' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l first-token-timeout -d 'The longest to wait for the first token, or `none`' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l idle-timeout -d 'The longest silence after it, or `none`' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l retries -d 'How often a request that may be retried is retried (Messages API only)' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l max-tokens -d 'The most output tokens of the answer (Messages API only)' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l claude -d 'The `claude` program [default: the one on PATH]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l tag -d 'Mark what is recorded, for `analytics summary --by tag`; may be repeated' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l no-stdin -d 'Do not read stdin'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l no-record -d 'Do not record the run in the ledger'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -l stats -d 'End with a line of figures on stderr even if that is no terminal'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand stream" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -f -a "summary" -d 'Show what was spent, in all and by day, model, project, …'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -f -a "timeseries" -d 'Show how cost, requests and latency went over time'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -f -a "runs" -d 'List what this program ran'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -f -a "verify" -d 'Check the ledger and its rollups'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and not __fish_seen_subcommand_from summary timeseries runs verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l by -d 'Group by day, week, month, hour, model, project, session, source, tag, agent, user or host' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l since -d 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l until -d 'Up to this time; a date counts to its end' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l cost-mode -d 'Which cost counts' -r -f -a "auto\t'What the source reported, else what the price table says'
calculate\t'What the price table says'
display\t'What the source reported'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l fail-over -d 'Exit with 3 if more than this was spent, if a cost is unknown, or if there is no data' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l include-simulated -d 'Count what the simulated backend did, too'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -l allow-unpriced -d 'With --fail-over: let requests of unknown cost pass'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from summary" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -s m -l metric -d 'What to show: cost, commands, success_rate, response_time, tokens' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -s b -l bucket -d 'The length of a bucket: a multiple of 15m up to 1d, or 1w' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l since -d 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l until -d 'Up to this time; a date counts to its end' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l cost-mode -d 'Which cost counts' -r -f -a "auto\t'What the source reported, else what the price table says'
calculate\t'What the price table says'
display\t'What the source reported'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -l include-simulated -d 'Count what the simulated backend did, too'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from timeseries" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -s n -l limit -d 'At most so many' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l since -d 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l until -d 'Up to this time; a date counts to its end' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l cost-mode -d 'Which cost counts' -r -f -a "auto\t'What the source reported, else what the price table says'
calculate\t'What the price table says'
display\t'What the source reported'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -l include-simulated -d 'Count what the simulated backend did, too'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from runs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from verify" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from verify" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from verify" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from verify" -l repair -d 'Replace damaged rollups by what the rows say'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from help" -f -a "summary" -d 'Show what was spent, in all and by day, model, project, …'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from help" -f -a "timeseries" -d 'Show how cost, requests and latency went over time'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from help" -f -a "runs" -d 'List what this program ran'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check the ledger and its rollups'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand analytics; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -s m -l metric -d 'What to show: cost, commands, success_rate, response_time, tokens' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -s b -l bucket -d 'The length of a bucket: a multiple of 15m up to 1d, or 1w' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l since -d 'From this time on: 2026-08-01, 2026-08-01T10:00, 7d, 24h, today, yesterday' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l until -d 'Up to this time; a date counts to its end' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l cost-mode -d 'Which cost counts' -r -f -a "auto\t'What the source reported, else what the price table says'
calculate\t'What the price table says'
display\t'What the source reported'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -l include-simulated -d 'Count what the simulated backend did, too'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand timeseries" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l listen -d 'Where to listen; loopback only, port 0 takes a free one' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l reply -d 'The text of every answer' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l ttft -d 'Time to the first piece of content' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l token-interval -d 'Time between two pieces' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l chunk-chars -d 'Characters in a piece' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l thinking -d 'A thinking block before the text' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l tool -d 'Call a tool before the text, if the client offers it; may be repeated' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l subagent -d 'Start a subagent with this prompt before the text' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l error-status -d 'Refuse requests with this HTTP status' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l error-rate -d 'The share of requests that are refused, 0 to 1 [default: 1, or 0 with --error-first]' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l error-first -d 'Refuse the first so many requests' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l retry-after -d 'The retry-after header of a refusal' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l stall-after -d 'Pause after so many pieces' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l stall -d 'The length of that pause' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l cut-after -d 'Break the connection after so many pieces' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l input-tokens -d 'Reported input tokens [default: a quarter of the characters sent]' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l cache-read -d 'Reported cache reads' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l cache-write-5m -d 'Reported 5-minute cache writes' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l cache-write-1h -d 'Reported 1-hour cache writes' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l seed -d 'Draws ids and errors; the same seed gives the same ones' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l log -d 'Write a JSON line for every request' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l echo -d 'Answer with what the last user message said'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l log-bodies -d 'Put the messages sent into that log; keys are never in it'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -l outlive-parent -d 'Go on when the process that started it ends'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand completions" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand completions" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand completions" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand completions" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand man" -l format -d 'How reports are written [default: table on a terminal, json in a pipe]' -r -f -a "table\t'A table for people'
json\t'One JSON document'
ndjson\t'One JSON object a line'
csv\t'Comma-separated values with a header'
markdown\t'A Markdown table'"
complete -c claude-cli -n "__fish_claude_cli_using_subcommand man" -l db -d 'The ledger [default: $XDG_DATA_HOME/claude-cli/ledger.db]' -r -F
complete -c claude-cli -n "__fish_claude_cli_using_subcommand man" -l tz -d 'Time zone of days and hours: a name such as Europe/Berlin, UTC, local or +05:30' -r
complete -c claude-cli -n "__fish_claude_cli_using_subcommand man" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "query" -d 'Run a prompt and print its answer'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "stream" -d 'Run a prompt and print its answer as it comes; `-` records a stream from stdin'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "analytics" -d 'Answer questions about what was spent'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "timeseries" -d 'Show how cost, requests and latency went over time'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "simulate" -d 'Serve a simulated Messages API on loopback'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "man" -d 'Write the man pages'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and not __fish_seen_subcommand_from query stream analytics timeseries simulate completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and __fish_seen_subcommand_from analytics" -f -a "summary" -d 'Show what was spent, in all and by day, model, project, …'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and __fish_seen_subcommand_from analytics" -f -a "timeseries" -d 'Show how cost, requests and latency went over time'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and __fish_seen_subcommand_from analytics" -f -a "runs" -d 'List what this program ran'
complete -c claude-cli -n "__fish_claude_cli_using_subcommand help; and __fish_seen_subcommand_from analytics" -f -a "verify" -d 'Check the ledger and its rollups'
