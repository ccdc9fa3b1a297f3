#!/bin/sh
# Stands in for the `claude` program where a test needs it to misbehave.
# FAKE says how; FAKE_DIR is where it leaves notes for the test.
here=$(dirname "$0")
replay() { cat "$here/run.jsonl"; }
note() { printf '%s\n' "$2" > "$FAKE_DIR/$1.part" && mv "$FAKE_DIR/$1.part" "$FAKE_DIR/$1"; }

note pid $$
case "$FAKE" in
tell)
    cat > "$FAKE_DIR/stdin"
    for arg in "$@"; do printf '%s\n' "$arg"; done > "$FAKE_DIR/args"
    env > "$FAKE_DIR/env"
    replay ;;
noise)
    echo 'npm warn something'
    replay
    echo 'bye' ;;
deaf)
    # Never reads its prompt.
    exec <&-
    replay ;;
hang-after-result)
    replay
    exec sleep 1000 ;;
stubborn)
    trap '' TERM INT
    head -n 5 "$here/run.jsonl"
    while :; do sleep 0.1; done ;;
children)
    sleep 1000 &
    note child $!
    (trap '' TERM; note grandchild "$(exec sh -c 'echo $PPID')"; while :; do sleep 0.1; done) &
    while [ ! -e "$FAKE_DIR/grandchild" ]; do sleep 0.01; done
    replay ;;
running-children)
    sleep 1000 &
    note child $!
    head -n 5 "$here/run.jsonl"
    wait ;;
boom)
    echo 'error: unknown option --frobnicate' >&2
    exit 3 ;;
success-then-boom)
    replay
    echo 'the hook failed' >&2
    exit 1 ;;
truncated)
    head -n 5 "$here/run.jsonl"
    exit 0 ;;
silent)
    exec sleep 1000 ;;
stall)
    head -n 5 "$here/run.jsonl"
    exec sleep 1000 ;;
error)
    head -n 2 "$here/run.jsonl"
    printf '{"type":"result","subtype":"success","is_error":true,"api_error_status":%s,"result":"API Error: %s","session_id":"s"}\n' "$FAKE_STATUS" "$FAKE_STATUS"
    exit "${FAKE_EXIT:-1}" ;;
empty)
    printf '{"type":"result","subtype":"success","is_error":false,"result":"","session_id":"s"}\n' ;;
max-turns)
    printf '{"type":"result","subtype":"error_max_turns","is_error":true,"session_id":"s","num_turns":3}\n'
    exit 1 ;;
script)
    # The n-th run prints what the test wrote to script-n.
    n=$(($(cat "$FAKE_DIR/n" 2>/dev/null || echo 0) + 1))
    note n $n
    cat > "$FAKE_DIR/stdin-$n"
    for arg in "$@"; do printf '%s\n' "$arg"; done > "$FAKE_DIR/args-$n"
    cat "$FAKE_DIR/script-$n"
    [ -z "$FAKE_HANG" ] || exec sleep 1000
    exit "${FAKE_EXIT:-0}" ;;
blab)
    # Tells its key to everyone, as a broken gateway does.
    echo "refused: $ANTHROPIC_API_KEY $ANTHROPIC_AUTH_TOKEN $ANTHROPIC_BASE_URL $HTTPS_PROXY" >&2
    exit 1 ;;
blab-result)
    printf '{"type":"result","subtype":"success","is_error":true,"api_error_status":401,"result":"invalid key %s%s at %s by %s","session_id":"s"}\n' \
        "$ANTHROPIC_API_KEY" "$ANTHROPIC_AUTH_TOKEN" "$ANTHROPIC_BASE_URL" "$HTTPS_PROXY"
    exit 1 ;;
flood)
    # 8 KiB a line, for ever; counts the lines it got rid of.
    line=$(printf '%8000s' | tr ' ' x)
    n=0
    while :; do
        printf '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}}\n' "$line" || exit 0
        n=$((n + 1))
        note lines $n
    done ;;
*)
    echo "claude.sh: FAKE=$FAKE is unknown" >&2
    exit 99 ;;
esac
