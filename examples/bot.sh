#!/bin/sh
# A bot without a library: it greets participants, repeats what follows "echo ", and leaves when somebody writes "bye".
#
# Run: sh examples/bot.sh INVITATION_URL
#
# `m3 join` prints events and reads commands, one JSON object a line (docs/scripting.md). The script copies texts with
# their JSON escapes from an event into a command, so it needs no JSON parser.
set -eu

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
mkfifo "$folder/commands"

text_of() { # LINE NAME
    printf '%s\n' "$1" | sed -nE 's/.*"'"$2"'": "(([^"\\]|\\.)*)".*/\1/p'
}

say() { # TEXT
    printf '{"do": "chat", "text": "%s"}\n' "$1"
}

${M3:-m3} join "$1" --name Bot --no-receive --events jsonl --commands - <"$folder/commands" |
    while IFS= read -r line; do
        case $line in
        '{"event": "ParticipantJoined"'*)
            say "Hello, $(text_of "$line" display_name)!"
            ;;
        '{"event": "ChatMessage"'*'"is_own": false'*)
            content=$(text_of "$line" content)
            case $content in
            'echo '*) say "${content#echo }" ;;
            bye) printf '{"do": "leave"}\n' ;;
            esac
            ;;
        esac
    done >"$folder/commands"
