#!/bin/bash
# The request rate of `claude-cli loadtest`, wrk and oha on the same core, one after
# the other and again, against a server on another core that does nothing. A busy
# loop takes half of the generators' core, so that the server is never the
# bottleneck; its share of its core is printed, too.
#   benches/loadtest/beside.sh target/release/claude-cli [ROUNDS] [oha]
# Needs gcc, taskset, jq and wrk (Debian: wrk); oha from crates.io is optional.
set -eu
cli=$1 rounds=${2:-3} oha=${3:-oha}
here=$(dirname "$0")
folder=$(mktemp -d)
port=18080 seconds=4
gcc -O2 -o "$folder/noop" "$here/noop.c"
taskset -c 1 "$folder/noop" $port &
server=$!
taskset -c 0 sh -c 'while :; do :; done' &
busy=$!
trap 'kill $server $busy; rm -r "$folder"' EXIT
sleep 0.3
url=http://127.0.0.1:$port/

ticks() { awk '{ print $14 + $15 }' /proc/$server/stat; }

# The server's share of its core while something runs; its output is left in `out`.
share() {
    local before after
    before=$(ticks)
    taskset -c 0 "$@" > "$folder/out"
    after=$(ticks)
    echo $(((after - before) * 100 / (seconds * $(getconf CLK_TCK))))
}

for round in $(seq "$rounds"); do
    for connections in ${CONNECTIONS:-64}; do
        ours_at=$(share "$cli" loadtest --target $url --scenario get --users $connections --duration ${seconds}s \
            --no-keep --quiet --format json)
        ours=$(jq '.runs[0].rate | floor' "$folder/out")
        wrk_at=$(share wrk -t1 -c$connections -d${seconds}s $url)
        wrk=$(sed -n 's/^Requests.sec: *//p' "$folder/out")
        line="$connections connections: claude-cli $ours/s (server $ours_at %), wrk $wrk/s (server $wrk_at %)"
        if command -v "$oha" > /dev/null; then
            oha_at=$(share "$oha" --no-tui --output-format json -c $connections -z ${seconds}s $url)
            line="$line, oha $(jq '.summary.requestsPerSec | floor' "$folder/out")/s (server $oha_at %)"
        fi
        echo "$line"
    done
done
