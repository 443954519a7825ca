#!/usr/bin/env bash
#
# A chat client for the gateway of a mesh, in bash alone: docs/gateway.md.
#
#   chat.sh NAME HOST PORT
#
# What is typed is said to everyone. @members shows who is there, @msg NAME TEXT speaks to one alone, @exit or the end of the
# input leaves; a text that begins with @ begins with @@.

set -u
export LC_ALL=C # ${#text} counts bytes then, as lengths do

if (($# != 3)); then
  printf 'usage: chat.sh NAME HOST PORT\n' >&2
  exit 2
fi

# frame TYPE TEXT: a type, a length of two bytes in network order, and so many bytes
frame() {
  local text=${2:0:65535} head
  printf -v head '\\x%02x\\x%02x\\x%02x' "$1" $((${#text} >> 8)) $((${#text} & 255))
  printf '%b%s' "$head" "$text" >&3
}

# byte VARIABLE: the value of the next byte that comes in. The shell cannot hold a zero in a text: it reads nothing, and succeeds
byte() {
  local char
  IFS= read -r -d '' -n 1 -u 3 char || return 1
  printf -v "$1" '%d' "'$char"
  if [[ -z $char ]]; then printf -v "$1" 0; fi
  # Bytes above 127 may be shown as negative numbers.
  printf -v "$1" '%d' $((${!1} & 255))
}

listen() {
  local type high low length text
  while byte type && byte high && byte low; do
    length=$((high << 8 | low))
    if ((type == 0)); then
      byte text || return
      if ((text != 0)); then
        printf '! the name is refused: start again with another\n'
        return 3
      fi
      continue
    fi
    text=
    if ((length > 0)); then IFS= read -r -d '' -N "$length" -u 3 text || return; fi
    case $type in
      3) printf 'members: %s\n' "${text//$'\n'/, }" ;;
      5) printf '! %s\n' "$text" ;;
      *) printf '%s\n' "$text" ;;
    esac
  done
}

exec 3<>"/dev/tcp/$2/$3" || exit 1
listen &
listener=$!
trap 'kill "$listener" 2>/dev/null' EXIT

frame 0 "$1"
while IFS= read -r line || [[ -n $line ]]; do
  case $line in
    '') ;;
    @exit) break ;;
    @members) frame 3 '' ;;
    '@msg '*) frame 4 "${line#@msg }" ;;
    @@*) frame 2 "${line#@}" ;;
    @*) printf '! nothing was sent, there is no command %s: @members, @msg NAME TEXT, @exit\n' "${line%% *}" ;;
    *) frame 2 "$line" ;;
  esac
done
frame 1 ''
# The peer ends the connection once the last frames are written.
wait "$listener"
