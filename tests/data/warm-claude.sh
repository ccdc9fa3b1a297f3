#!/bin/sh
# Stands in for a `claude` that answers prompt after prompt. An answer is how
# many prompts its conversation had before, and the prompt. WARM says how it
# misbehaves; WARM_DIR gets a line for every prompt: process, session, prompt.
session=$$-0
turns=0
total=0
earlier=0

say() {
    # $1: a word in front of the answer
    text="$1$earlier:$prompt"
    total=$((total + 1))
    earlier=$((earlier + 1))
    printf '%s %s %s\n' "$$" "$session" "$prompt" >> "$WARM_DIR/prompts"
    shown=$session
    printf '{"type":"system","subtype":"init","cwd":"/","session_id":"%s","tools":[],"model":"claude-opus-4-8","claude_code_version":"0.0.0"}\n' "$shown"
    printf '{"type":"stream_event","event":{"type":"message_start","message":{"id":"msg_%s_%s","type":"message","role":"assistant","model":"claude-opus-4-8","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}},"session_id":"%s","parent_tool_use_id":null}\n' $$ $total "$shown"
    if [ "$prompt" = late ]; then
        while ! grep -q soon "$WARM_DIR/prompts"; do sleep 0.05; done
    fi
    [ "$WARM" != slow ] || [ "$prompt" = quick ] || sleep 30
    if [ "$WARM" = tools ]; then
        printf '{"type":"assistant","message":{"id":"msg_%s_%s","type":"message","role":"assistant","model":"claude-opus-4-8","content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}},"parent_tool_use_id":null,"session_id":"%s"}\n' $$ $total "$shown"
    fi
    printf '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}},"session_id":"%s","parent_tool_use_id":null}\n' "$text" "$shown"
    printf '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}},"session_id":"%s","parent_tool_use_id":null}\n' "$shown"
    printf '{"type":"stream_event","event":{"type":"message_stop"},"session_id":"%s","parent_tool_use_id":null}\n' "$shown"
    is_error=false
    [ "$prompt" != fail ] || is_error=true
    printf '{"type":"result","subtype":"success","is_error":%s,"duration_ms":1,"duration_api_ms":%s,"num_turns":1,"result":"%s","stop_reason":"end_turn","session_id":"%s","total_cost_usd":0.%03d,"usage":{"input_tokens":10,"output_tokens":5},"modelUsage":{"claude-opus-4-8":{"inputTokens":%s,"outputTokens":%s,"costUSD":0.%03d}}}\n' \
        $is_error $total "$text" "$shown" $total $((total * 10)) $((total * 5)) $total
}

case " $* " in
*" --input-format=stream-json "*) ;;
*)
    prompt=$(cat)
    say "cold "
    exit 0 ;;
esac
[ "$WARM" != mute ] || exit 1

while read -r line; do
    prompt=$(printf '%s' "$line" | sed 's/.*"content":"\(.*\)"}}/\1/')
    if [ "$prompt" != /clear ]; then
        # A process that has answered before goes without a word.
        [ "$WARM" != dies ] || [ $total = 0 ] || exit 1
        [ "$WARM" != elsewhere ] || [ $total = 0 ] || session=$$-0
        say ""
        [ "$WARM" != stray ] || printf '{"type":"system","subtype":"task_notification","session_id":"%s"}\n' "$session"
        [ "$WARM" != hangs ] || exec sleep 1000
        continue
    fi
    case "$WARM" in
    sticky) ;;
    prompt)
        say ""
        continue ;;
    *)
        turns=$((turns + 1))
        earlier=0
        session=$$-$turns ;;
    esac
    printf '{"type":"system","subtype":"init","cwd":"/","session_id":"%s","tools":[],"model":"claude-opus-4-8"}\n' "$session"
    printf '{"type":"result","subtype":"success","is_error":false,"duration_ms":1,"num_turns":0,"result":"","session_id":"%s","total_cost_usd":0.%03d,"usage":{"input_tokens":0,"output_tokens":0},"modelUsage":{}}\n' "$session" $total
done
