#!/bin/sh
# A thousand streams at once from the simulated API: how late the generator is, and
# how its figures compare with the server's own log.
#   benches/loadtest/streams.sh target/release/claude-cli
set -eu
cli=$1
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
# 200 tokens, one every 50 ms: an answer takes about 10 s, so a hundred a second are
# a thousand at once.
cat > "$folder/profile.json" << 'PROFILE'
{"first_token": {"distribution": "lognormal", "median": 200, "sigma": 0.4},
 "between_tokens": {"distribution": "exponential", "mean": 50},
 "output_tokens": {"distribution": "constant", "value": 200}}
PROFILE
"$cli" loadtest --rate 100 --duration 30s --warmup 12s --max-tokens 1000 --max-in-flight 4096 --no-keep --quiet --format json \
    --samples "$folder/samples.ndjson" \
    --simulate "--profile $folder/profile.json --log $folder/log.jsonl --log-tokens" > "$folder/result.json"
jq -c '.runs[0] | {answers: .counts.ok, failed: .counts.failed, at_once: ([.series[].in_flight] | max), lag: .metrics.lag | {p50, p99, max}, cpu: .generator.cpu, valid: .generator.valid}' "$folder/result.json"
# What the client measured, and the server's log of the same requests.
jq -s -c --slurpfile log "$folder/log.jsonl" --slurpfile result "$folder/result.json" '
    def at(p): sort | .[((length * p / 100) | ceil) - 1];
    map(select(.intended_ms >= 12000 and .outcome == "ok")) as $samples
    | ($log | map({key: .request_id, value: .}) | from_entries) as $of
    | ($samples | map({mine: ., theirs: $of[.request_id]})) as $both
    | ($both | map(.theirs.first_text_ms)) as $first
    | ($both | map((.theirs.last_token_ms - .theirs.first_token_ms) / (.theirs.output_tokens - 1))) as $itl
    | ($both | map(.theirs.token_ms | . as $t | [range(1; length) | $t[.] - $t[. - 1]]) | add) as $gap
    | $result[0].runs[0].metrics as $m
    | [["first token", $m.ttft_service, $first], ["between tokens", $m.itl, $itl], ["between pieces", $m.gap, $gap]][]
    | {figure: .[0], p50: {client: .[1].p50, server: (.[2] | at(50))}, p99: {client: .[1].p99, server: (.[2] | at(99))}}' "$folder/samples.ndjson"
