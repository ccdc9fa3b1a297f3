#!/bin/sh
# Stands in for a `claude` that takes no time: replays a recorded stream at once.
cat > /dev/null
exec cat "${0%/*}/../../tests/data/run.jsonl"
