#!/usr/bin/env bash
#
# Starts a mesh of peers on this machine and stays with it: see --help.
#
# Each peer writes its JSON events into a file of its own, and this script follows those files. It needs nothing but
# bash and coreutils, and cargo to build the program.

set -euo pipefail

# How long the peers may take to agree once all have started, in seconds.
readonly PATIENCE=20
# How long a peer may take to leave before it is killed, in tenths of a second. By itself it takes 20 at most.
readonly FAREWELL=22
# How often a replacement is tried: its name is refused until the others know that the last one is dead.
readonly TRIES=50
# More would be too many for one machine.
readonly MOST_PEERS=200
readonly NAMES=(alice bob carol dave erin frank grace heidi ivan judy kim leo mia nina oscar peggy quinn rupert sybil
  trent uma victor wendy xena yuri zoe)

usage() {
  cat <<'EOF'
usage: scripts/spawn_mesh.sh N [--base-port PORT] [--kill-leader SECONDS] [--group NAME]

Starts N peers on free ports of this machine, waits until all agree on a leader, prints who they are and how to join
with a terminal, and then tells of each change of leader and each loss. Ctrl-C ends the peers, and nothing else.

  --base-port PORT       the first port to try (8000); ports that are taken are passed over
  --kill-leader SECONDS  kill the leader each so many seconds, and start a replacement
  --group NAME           the name of the group (mesh-<process id>, so that two meshes never meet)
  --help                 this text

The program is built first (cargo build --release). MESH_NODE=PATH runs that one instead.
EOF
}

# What is known of each peer, by its name; `fd` and `partial` are how far its events have been read.
declare -A port=() pid=() id=() seat=() fd=() partial=() is_ready=() exit_code=() tries=()
# `here` or `gone`, by the ids of all members, guests included; their names; and `PEER/ID` for each that a peer lists.
declare -A presence=() name_of=() lists=()
peers=()
# The leader that was told of last: its epoch and its id.
told_epoch=-1 told_id=''
count='' base_port=8000 kill_every='' group="mesh-$$"
program='' directory='' staying='' REPLY=''

main() {
  parse "$@"
  find_program
  directory=$(mktemp -d "${TMPDIR:-/tmp}/mesh.XXXXXX")
  trap finish EXIT
  trap 'exit 0' INT TERM HUP
  # A pipe to which nobody writes: reading from it is a pause that needs no process, and that a signal ends.
  mkfifo "$directory/pause"
  exec {pause_fd}<>"$directory/pause" {errors}>&2

  local i
  for ((i = 0; i < count; i++)); do
    peers+=("${NAMES[i]:-peer-$((i + 1))}")
    start_on_a_free_port "${peers[i]}"
  done
  await_agreement
  print_table
  # Bash itself complains of each child that is killed; here that is told in plainer words.
  stay 2>"$directory/bash.err"
}

# --- arguments and the program ---------------------------------------------------------------------------------------

misuse() {
  printf 'spawn_mesh.sh: %s (see --help)\n' "$1" >&2
  exit 2
}

fail() {
  printf 'spawn_mesh.sh: %s\n' "$1" >&2
  exit 1
}

parse() {
  while (($#)); do
    case $1 in
      --help) usage && exit 0 ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --base-port | --kill-leader | --group)
        (($# >= 2)) || misuse "$1 needs a value"
        take_option "$1" "$2"
        shift
        ;;
      -*) misuse "there is no option $1" ;;
      *)
        [[ -z $count ]] || misuse "one number of peers is enough: $count or $1?"
        is_number "$1" "$MOST_PEERS" || misuse "the number of peers is 1 to $MOST_PEERS, not '$1'"
        count=$1
        ;;
    esac
    shift
  done
  [[ -n $count ]] || misuse 'how many peers?'
}

take_option() {
  case $1 in
    --base-port)
      is_number "$2" 65535 || misuse "a port is 1 to 65535, not '$2'"
      base_port=$2
      ;;
    --kill-leader)
      is_number "$2" 86400 || misuse "--kill-leader takes whole seconds, 1 to 86400, not '$2'"
      kill_every=$2
      ;;
    --group)
      [[ -n $2 ]] || misuse 'a group has a name'
      group=$2
      ;;
  esac
}

# is_number TEXT GREATEST
is_number() {
  [[ $1 =~ ^[1-9][0-9]{0,5}$ ]] && (($1 <= $2))
}

find_program() {
  if [[ -n ${MESH_NODE:-} ]]; then
    [[ -f $MESH_NODE && -x $MESH_NODE ]] || fail "MESH_NODE=$MESH_NODE is no program"
    program=$MESH_NODE
    return
  fi
  local root messages
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  command -v cargo >/dev/null || fail 'cargo is missing: install Rust (https://rustup.rs), or set MESH_NODE'
  # Cargo knows whether there is something to do, and where the program ends up (CARGO_TARGET_DIR, configuration).
  messages=$(cargo build --release --package node --bin node --manifest-path "$root/Cargo.toml" \
    --message-format json-render-diagnostics) || fail 'the program could not be built: see above'
  [[ $messages =~ \"executable\":\"([^\"]+)\" ]] || fail 'cargo did not say where it put the program'
  program=${BASH_REMATCH[1]}
}

# --- starting --------------------------------------------------------------------------------------------------------

# start NAME: on the port that is noted for it, through all that live
start() {
  local name=$1 other key
  local -a leaders=()
  for other in "${peers[@]}"; do
    if [[ $other != "$name" && -n ${is_ready[$other]:-} ]] && is_alive "$other"; then
      leaders+=(--leader "127.0.0.1:${port[$other]}")
    fi
  done
  for key in "${!lists[@]}"; do
    if [[ $key == "$name/"* ]]; then unset "lists[$key]"; fi
  done
  id[$name]='' seat[$name]='' partial[$name]='' is_ready[$name]='' exit_code[$name]=''
  local events=${fd[$name]:-}
  if [[ -n $events ]]; then exec {events}<&-; fi
  : >"$directory/$name.json"
  exec {events}<"$directory/$name.json"
  fd[$name]=$events
  "$program" --headless --json --name "$name" --group "$group" --port "${port[$name]}" "${leaders[@]}" \
    </dev/null >>"$directory/$name.json" 2>"$directory/$name.err" {errors}>&- {pause_fd}>&- &
  pid[$name]=$!
}

start_on_a_free_port() {
  local name=$1
  port[$name]=${next_port:-$base_port}
  while true; do
    ((port[$name] <= 65535)) || fail "there is no free port from $base_port to 65535 for $name"
    start "$name"
    next_port=$((port[$name] + 1))
    until [[ -n ${is_ready[$name]} || -n ${exit_code[$name]} ]]; do look && pause 0.02; done
    [[ -n ${exit_code[$name]} ]] || return 0
    # 5: it could not listen there.
    ((exit_code[$name] == 5)) || fail "$name ended ($(ending "$name"))"
    port[$name]=$next_port
  done
}

await_agreement() {
  local deadline=$((SECONDS + PATIENCE)) name
  until all_agree; do
    if ((SECONDS >= deadline)); then
      for name in "${peers[@]}"; do
        printf '%s follows: %s\n' "$name" "${seat[$name]:-nobody}" >&2
        sed "s/^/$name: /" "$directory/$name.err" >&2
      done
      fail "the peers did not agree within $PATIENCE s"
    fi
    pause 0.02
    look
  done
}

# Whether every peer that lives follows the same leader and lists every other.
all_agree() {
  local first='' name other
  for name in "${peers[@]}"; do
    is_alive "$name" || continue
    first=${first:-${seat[$name]}}
    [[ -n $first && ${seat[$name]} == "$first" ]] || return 1
    for other in "${peers[@]}"; do
      if is_alive "$other" && [[ -z ${lists["$name/${id[$other]}"]:-} ]]; then return 1; fi
    done
  done
}

print_table() {
  local name
  printf '%-12s %5s %9s  %s\n' name port process leader
  for name in "${peers[@]}"; do
    printf '%-12s %5s %9s  %s\n' "$name" "${port[$name]}" "${pid[$name]}" "${name_of[${seat[$name]#* }]:-?}"
  done
  printf '\nJoin with a terminal (any of the ports will do):\n\n  %q --name YOU --port 0 --group %q --leader localhost:%s\n\n' \
    "$program" "$group" "${port[${peers[0]}]}"
  printf 'Ctrl-C ends the peers.\n\n'
}

# --- staying ---------------------------------------------------------------------------------------------------------

stay() {
  local next_kill=$((SECONDS + ${kill_every:-0}))
  staying=yes
  while true; do
    look
    replace_the_killed
    if [[ -n $kill_every ]] && ((SECONDS >= next_kill)); then
      next_kill=$((SECONDS + kill_every))
      kill_leader
    fi
    pause 0.1
  done
}

kill_leader() {
  local name
  all_agree || return 0
  for name in "${peers[@]}"; do
    if [[ ${id[$name]} == "$told_id" ]] && is_alive "$name"; then
      tell "kill $name (process ${pid[$name]})"
      tries[$name]=$TRIES
      kill -KILL "${pid[$name]}" || true
      return 0
    fi
  done
  tell 'the leader is none of these peers, and is left alone'
}

# A peer with tries left is to live again, under its name and on its port.
replace_the_killed() {
  local name
  for name in "${!tries[@]}"; do
    if [[ -n ${is_ready[$name]} ]] && is_alive "$name"; then
      tell "$name is replaced (process ${pid[$name]}, port ${port[$name]})"
      unset "tries[$name]"
    elif ! is_alive "$name"; then
      if ((tries[$name]-- > 0)); then
        start "$name"
      else
        tell "$name cannot be replaced: $(ending "$name")"
        unset "tries[$name]"
      fi
    fi
  done
}

# --- what the peers report -------------------------------------------------------------------------------------------

# Takes note of all that happened since the last look.
look() {
  local name line
  notice_the_ended
  for name in "${peers[@]}"; do
    while IFS= read -r -u "${fd[$name]}" line; do
      handle_event "$name" "${partial[$name]}$line"
      partial[$name]=''
    done
    partial[$name]+=$line
  done
}

# The shell's own children, by its own book: an id of which is never another process.
notice_the_ended() {
  local -A running=()
  local name process code
  jobs -rp >"$directory/running"
  while read -r process; do running[$process]=yes; done <"$directory/running"
  for name in "${!pid[@]}"; do
    if [[ -z ${exit_code[$name]} && -z ${running[${pid[$name]}]:-} ]]; then
      code=0
      wait "${pid[$name]}" || code=$?
      exit_code[$name]=$code
      if [[ -n ${is_ready[$name]} ]]; then
        presence[${id[$name]:-none}]=gone
        report "$name (process ${pid[$name]}, port ${port[$name]}) is lost: $(ending "$name")"
      fi
    fi
  done
}

is_alive() {
  [[ -z ${exit_code[$1]} ]]
}

# How a peer ended: the signal, or the exit code and its last words.
ending() {
  local code=${exit_code[$1]}
  if ((code > 128)); then
    printf 'killed by SIG%s' "$(kill -l "$code")"
  else
    printf 'exit code %s' "$code"
    sed -n '$s/^/: /p' "$directory/$1.err"
  fi
}

# handle_event PEER LINE. Whatever people wrote stands in the line with its quotes escaped, and matches none of this.
handle_event() {
  local name=$1 line=$2 member epoch
  [[ $line =~ \"event\":\"([a-z]+)\" ]] || return 0
  case ${BASH_REMATCH[1]} in
    ready)
      is_ready[$name]=yes
      while [[ $line =~ \"id\":\"([0-9a-f-]+)\" ]]; do
        lists["$name/${BASH_REMATCH[1]}"]=yes
        line=${line#*"${BASH_REMATCH[0]}"}
      done
      ;;
    joined)
      id_in "$line"
      member=$REPLY
      lists["$name/$member"]=yes
      text_in "$line" name
      name_of[$member]=$REPLY
      # First of all a peer tells of its own joining.
      id[$name]=${id[$name]:-$member}
      if [[ ${presence[$member]:-} != here ]] && is_reporter "$name"; then
        presence[$member]=here
        [[ -n ${tries[$REPLY]:-} ]] || report "$REPLY joins"
      fi
      ;;
    left)
      id_in "$line"
      member=$REPLY
      lists["$name/$member"]=''
      if [[ ${presence[$member]:-} == here ]] && is_reporter "$name"; then
        notice_the_ended
        tell_loss "$member" "$line"
      fi
      ;;
    leader)
      seat[$name]=''
      [[ $line =~ \"epoch\":([0-9]+) ]] || return 0
      epoch=${BASH_REMATCH[1]}
      id_in "$line"
      [[ -n $REPLY ]] || return 0
      member=$REPLY
      seat[$name]="$epoch $member"
      if ((epoch > told_epoch)) || { ((epoch == told_epoch)) && [[ $member > $told_id ]]; }; then
        tell_leader "$epoch" "$member" "$line"
      fi
      ;;
  esac
}

tell_leader() {
  local reason
  told_epoch=$1 told_id=$2
  text_in "$3" reason
  reason=$REPLY
  text_in "$3" name
  name_of[$told_id]=$REPLY
  report "$REPLY leads (epoch $told_epoch): $reason"
}

tell_loss() {
  local member=$1 reason
  [[ ${presence[$member]} == here ]] || return 0
  presence[$member]=gone
  text_in "$2" reason
  reason=$REPLY
  if [[ $reason == left ]]; then
    report "${name_of[$member]:-$member} left"
  else
    report "${name_of[$member]:-$member} is lost: it cannot be reached"
  fi
}

# Comings and goings are told as the leader sees them, or the first that lives if a guest leads: all see the same, but
# not at the same time, and one that hung believes for a while that the others did.
is_reporter() {
  local other first=''
  for other in "${peers[@]}"; do
    is_alive "$other" || continue
    first=${first:-$other}
    if [[ -n $told_id && ${id[$other]} == "$told_id" ]]; then
      [[ $other == "$1" ]]
      return
    fi
  done
  [[ $first == "$1" ]]
}

# Sets REPLY to the first id in a line, or to nothing.
id_in() {
  if [[ $1 =~ \"id\":\"([0-9a-f-]+)\" ]]; then REPLY=${BASH_REMATCH[1]}; else REPLY=''; fi
}

# Sets REPLY to the text of a field, or to nothing.
text_in() {
  local pattern="\"$2\":\"(([^\"\\]|\\\\.)*)\""
  if [[ $1 =~ $pattern ]]; then REPLY=${BASH_REMATCH[1]}; else REPLY=''; fi
}

# Tells what happened, once the table has been printed.
report() {
  if [[ -n $staying ]]; then tell "$1"; fi
}

tell() {
  printf '%(%T)T  %s\n' -1 "$1"
}

pause() {
  read -r -t "$1" -u "$pause_fd" _ || true
}

# --- the end ---------------------------------------------------------------------------------------------------------

# Ends the processes that were started here and are still there: asks them, waits, and kills who does not leave.
finish() {
  local code=$? i
  trap '' INT TERM HUP
  local -a running
  signal_children TERM
  for ((i = 0; i < FAREWELL; i++)); do
    jobs -rp >"$directory/running"
    [[ -s $directory/running ]] || break
    pause 0.1
  done
  signal_children KILL
  wait 2>/dev/null
  if ((code != 0)) && [[ -s $directory/bash.err ]]; then cat "$directory/bash.err" >&"$errors"; fi
  rm -rf "$directory"
  exit "$code"
}

signal_children() {
  jobs -rp >"$directory/running"
  mapfile -t running <"$directory/running"
  if ((${#running[@]})); then kill -s "$1" "${running[@]}" || true; fi
} 2>/dev/null

# Started in the background by another script it would be deaf to SIGINT, which bash cannot undo by itself.
if [[ $(trap -p INT) == *"''"* ]] && env --default-signal=INT true 2>/dev/null; then
  exec env --default-signal=INT "${BASH_SOURCE[0]}" "$@"
fi
main "$@"
