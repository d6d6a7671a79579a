# The holder: entry point of every app container of a pod. It runs the user's process when the agent orders it, in place, as often
# as the agent says, as the container's own user and inside its limits. It is the only thing of ours in a user's container.
#
#   agent --ctl-->    hello GRACE | start N MODE PATH | signal NAME PID | kill PID | exec ID | stat | end CODE
#   agent <--report-- ready | started N PID | failed N WHY | exited N CODE OOM | session ID PID | done ID CODE | stat ...
#
# Both are fifos in this container's own volume; a third, alive, is only held open, by nobody but the holder, so that the agent sees it
# end. As long as the agent lives it keeps ctl open; end of file means that it is gone, and
# with it the pod: the user's process gets TERM, its grace, and KILL. A report is one short line, so that writers never mix.
#
# PATH is where the user's process leaves its termination message. MODE begins with 1 when the end of its output may stand in for that,
# with 0 otherwise; an a follows when clients may attach, and a t when it is to have a terminal.
# WHY is notfound, nofile, denied, directory, place:PATH. OOM is how many out-of-memory kills the cgroup counted during the attempt.
Z=${ZEROPLANE_DIR:-/.zeroplane}
B=$Z/busybox
E=${ZEROPLANE_ETC:-/etc}
G=/sys/fs/cgroup

# Value of a key in a flat file of "key value" lines, without a fork.
field() {
  found=0
  [ -r "$2" ] || return
  while read -r key value; do
    [ "$key" = "$1" ] && found=$value && return
  done <"$2"
}

one() {
  found=0
  [ -r "$1" ] && read -r found <"$1"
}

# Version 2 has one tree, version 1 one per controller.
if [ -r $G/memory.current ]; then
  oom_kills() { field oom_kill $G/memory.events; }
  usage() {
    one $G/memory.current && memory=$found
    field inactive_file $G/memory.stat && inactive=$found
    field usage_usec $G/cpu.stat && cpu=${found}000
  }
else
  oom_kills() { field oom_kill $G/memory/memory.oom_control; }
  usage() {
    one $G/memory/memory.usage_in_bytes && memory=$found
    field total_inactive_file $G/memory/memory.stat && inactive=$found
    one $G/cpuacct/cpuacct.usage && cpu=$found
  }
fi

# Finds a command as execvp does, but in the user's PATH and never among busybox's own applets. Sets `found`, or `why`.
locate() {
  why=notfound
  case $1 in
  */*)
    why=nofile
    examine "$1"
    return
    ;;
  esac
  rest=$PATH:
  while [ -n "$rest" ]; do
    dir=${rest%%:*}
    rest=${rest#*:}
    examine "${dir:-.}/$1" && return 0
  done
  # A match that could not be executed says more than "not found".
  [ "$why" = nofile ] && why=notfound
  return 1
}

examine() {
  if [ -d "$1" ]; then
    [ "$why" = notfound ] || why=directory
  elif [ -x "$1" ]; then
    found=$1
    return 0
  elif [ -e "$1" ]; then
    why=denied
  fi
  return 1
}

# What the start scripts call: number of NAME=value arguments, those, and the command.
launch() {
  vars=$1
  shift
  # The command is looked up in the PATH it will have. It stands after the variables: walk to it.
  eval "name=\${$((vars + 1))}"
  locate "$name" || refuse "$why"
  # Puts what was found in the command's place: rotate the variables behind, swap, rotate the rest behind.
  i=0
  n=$#
  path=$found
  while [ $i -lt "$n" ]; do
    word=$1
    shift
    [ $i -eq "$vars" ] && word=$path
    set -- "$@" "$word"
    i=$((i + 1))
  done
  # Our own process id: $$ is the holder's in every subshell.
  read -r me rest </proc/self/stat
  echo "$told $me" >&4
  case $told in started*) echo "- $me" >&5 ;; esac
  # A session of its own, so that a signal to its group reaches what it started and nothing else; behind a terminal it has one already.
  if [ "$ZEROPLANE_ROLE" = terminal ]; then
    unset ZEROPLANE_ROLE
    exec "$B" env "$@" 4>&- 5>&-
  fi
  exec "$B" setsid "$B" env "$@" 4>&- 5>&-
}

# A single file of a volume, which no task can mount: copied to its place as the container's own user.
place() {
  { "$B" mkdir -p "$("$B" dirname "$2")" && "$B" cp -p "$Z/file-$1" "$2" || "$B" cp "$Z/file-$1" "$2"; } 2>/dev/null || refuse "place:$2"
}

refuse() {
  echo "$1" >&5
  exit 128
}

# Everything that the attempt left behind. Where the holder is process 1 we may say -1: it spares process 1 and the caller.
sweep() {
  if [ "$holder" -eq 1 ]; then kill -9 -1; else kill -9 -"$1"; fi 2>/dev/null
  return 0
}

# Goes on elsewhere with what the arguments say. Not by &: a shell without job control has its background processes ignore INT and QUIT,
# and their children for ever after. A session leader that asks for a session forks, which is all that is wanted of the second setsid.
apart() {
  (
    trap - TERM INT HUP QUIT USR1 USR2
    exec "$B" setsid "$B" setsid "$B" sh "$Z/holder" "$@" 3<&- 6>&-
  )
}

# Copies what comes through a fifo to our own output and to another fifo, which the agent always reads. Behind a terminal it begins with
# what telnetd says to its peer, and the mark of the script that it runs (agent/terminal.ts).
spread() {
  if [ "$2" = terminal ]; then
    while read -r line; do
      case $line in *"$mark"*) break ;; esac
    done
  fi
  exec "$B" tee "$Z/$1"
}

# N, MODE PATH, the holder's own process id
attempt() {
  holder=$3
  mode=${2%% *}
  path=${2#* }
  told="started $1"
  oom_kills
  before=$found
  for file in refused message tail; do : >"$Z/$file"; done
  # Where the task's containers do not share these files with the agent, each has its own, if its user may write there.
  for file in resolv.conf hosts; do
    [ -f "$Z/$file" ] && [ -w "$E/$file" ] && ! "$B" cmp -s "$Z/$file" "$E/$file" && "$B" cat "$Z/$file" >"$E/$file"
  done 2>/dev/null
  # Where the image has no such file it is made here, if the user may.
  [ -e "$path" ] || { true >"$path"; } 2>/dev/null
  # The log reader tells attempts apart by these lines (shared/pods/log-lines.ts).
  echo "##zeroplane attempt $1##"
  keepers=
  # 7 and 8 are what the user's process has for 1 and 2. Ours is silent: the shell would say "Killed" where the process says its own.
  exec 7>&1 8>&2 2>/dev/null
  case $mode in 1*)
    "$B" awk -v out="$Z/tail" '{ print; fflush(); ring[NR % 80] = $0 }
      END { for (i = NR > 80 ? NR - 79 : 1; i <= NR; i++) print ring[i % 80] > out }' <"$Z/log" 4>&- 7>&- 8>&- &
    keepers=$!
    exec 7>"$Z/log" 8>&7
    ;;
  esac
  case $mode in
  *a*)
    case $mode in
    *t)
      mark=$(printf '\036')
      spread attach.out terminal <"$Z/attach.1" >&7 4>&- 7>&- 8>&- &
      keepers="$keepers $!"
      exec 7>"$Z/attach.1"
      ;;
    *)
      spread attach.out <"$Z/attach.1" >&7 4>&- 7>&- 8>&- &
      keepers="$keepers $!"
      spread attach.err <"$Z/attach.2" >&8 4>&- 7>&- 8>&- &
      keepers="$keepers $!"
      exec 7>"$Z/attach.1" 8>"$Z/attach.2"
      ;;
    esac
    (. "$Z/start") 5>"$Z/refused" <"$Z/attach.in" >&7 2>&8 7>&- 8>&-
    ;;
  *) (. "$Z/start") 5>"$Z/refused" >&7 2>&8 7>&- 8>&- ;;
  esac
  code=$?
  case $mode in *t) read -r code <"$Z/code" || code=137 ;; esac
  exec 7>&- 8>&-
  if [ -n "$keepers" ]; then
    # They end by themselves when the last writer is gone; a writer that was left behind gets half a second.
    ("$B" sleep 0.5 && kill $keepers) 4>&- &
    wait $keepers
  fi
  why=
  read -r why <"$Z/refused"
  case $why in "- "*) sweep "${why#- }" && why= ;; esac
  # The last line may lack its newline; an empty one before this is not shown.
  echo
  echo "##zeroplane end $1##"
  [ -f "$path" ] && "$B" head -c 4096 "$path" >"$Z/message" 2>/dev/null
  oom_kills
  if [ -n "$why" ]; then
    echo "failed $1 $why" >&4
  else
    echo "exited $1 $code $((found - before))" >&4
  fi
}

session() {
  exec 2>/dev/null
  told="session $1"
  (. "$Z/exec-$1") 5>>"$Z/exec-$1.err" <"$Z/exec-$1.in" >"$Z/exec-$1.out" 2>>"$Z/exec-$1.err"
  echo "done $1 $?" >&4
}

case $1 in
attempt) attempt "$2" "$3" "$4" && exit ;;
session) session "$2" && exit ;;
esac
# Sourced by the script that a terminal runs (agent/terminal.ts), for the functions alone.
[ "$ZEROPLANE_ROLE" = terminal ] && return

# Open for writing too until the agent is there: opening neither waits nor finds the end of the file.
exec 5<>"$Z/ctl" 3<"$Z/ctl" 4<>"$Z/report" 6<>"$Z/alive"
trap 'exit 143' TERM
read -r verb grace <&3
trap '' TERM INT HUP QUIT USR1 USR2
exec 5>&-
echo ready >&4

while read -r verb a b <&3; do
  case $verb in
  start) apart attempt "$a" "$b" $$ ;;
  signal) kill -"$a" "$b" 2>/dev/null ;;
  # The process and its group. What it left elsewhere its attempt sweeps up when it sees the end; a sweep from here, as process 1,
  # would take the attempt along and nobody would tell.
  kill) kill -9 -"$a" 2>/dev/null || kill -9 "$a" 2>/dev/null ;;
  exec) apart session "$a" ;;
  stat)
    usage
    oom_kills
    echo "stat $cpu $memory $inactive $found" >&4
    ;;
  end) exit "$a" ;;
  esac
  # Collects what has ended, also processes that were left to us.
  jobs >/dev/null 2>&1
done

[ $$ -eq 1 ] || exit 143
kill -TERM -1 2>/dev/null
while [ "${grace:-30}" -gt 0 ] && kill -0 -1 2>/dev/null; do
  "$B" sleep 1
  grace=$((grace - 1))
done
exit 143
