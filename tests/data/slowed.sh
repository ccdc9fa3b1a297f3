#!/bin/sh
# Stands between `claude-cli bench` and a worker, and has each operation in
# SLOWED_BY (10) done twice: the work is real, and the worker is untouched.
while read -r what case times; do
    echo "$what $case $((times + times / ${SLOWED_BY:-10}))"
done | "$SLOWED" "$@"
