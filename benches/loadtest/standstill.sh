#!/bin/sh
# A server that stands still for 1.4 s once in 30 s, at a constant rate: the 99th
# percentile that an open and a closed loop tell, and the exact one. Of the requests
# due within the pause each waits for what is left of it, so that 1 % of 30 s after
# its begin 1.4 s - 0.3 s are left.
#   benches/loadtest/standstill.sh target/release/claude-cli [RATE]
set -eu
cli=$1
rate=${2:-1000}
test_it() {
    "$cli" loadtest --duration 30s --no-keep --quiet --format json \
        --simulate '--ttft 0 --token-interval 0 --reply ok --stall @10s:1.4s' "$@" |
        jq -c '.runs[0] | {arrivals, answers: .counts.ok, e2e_p99: .metrics.e2e.p99, service_p99: .metrics.service.p99, e2e_max: .metrics.e2e.max, lag_p99: .metrics.lag.p99, valid: .generator.valid}'
}
echo "exact p99: 1100 ms"
test_it --rate "$rate"
test_it --users 8
