# Runs first in every task, in the agent's image: gives every app container its holder and every emptyDir its mode, then exits.
#   setup.sh GROUP [VOLUME TYPE PATH PLACE]...
# GROUP is the pod's fsGroup, or - for none. The rest are hostPaths whose type wants something to be there before it is mounted: PATH on the
# host is at PLACE here. What is not as it shall be is waited for, and told in a file that the agent reads; no app container is begun before
# we exit, so nothing is mounted that is not what was asked for.
# The folders are root's, so that an app which is not root can neither remove nor replace what the agent reads.
group=$1
shift
is() {
  case $1 in
  Directory) [ -d "$2" ] && return || why="a directory" ;;
  FileOrCreate) [ -e "$2" ] || { mkdir -p "${2%/*}" && : >"$2" && chmod 0644 "$2"; } ; [ -f "$2" ] && return || why="a file" ;;
  File) [ -f "$2" ] && return || why="a file" ;;
  Socket) [ -S "$2" ] && return || why="a socket file" ;;
  CharDevice) [ -c "$2" ] && return || why="a character device" ;;
  BlockDevice) [ -b "$2" ] && return || why="a block device" ;;
  *) return 0 ;;
  esac
  return 1
}
while [ $# -gt 0 ]; do
  until is "$2" "$4"; do
    for pod in /pod/*; do
      echo "MountVolume.SetUp failed for volume \"$1\" : hostPath type check failed: $3 is not $why" >"$pod/unmounted"
    done
    sleep 1
  done
  shift 4
done
for pod in /pod/*; do
  rm -f "$pod/unmounted"
  cp /bin/busybox /zeroplane/holder.sh "$pod/"
  mv "$pod/holder.sh" "$pod/holder"
  chmod 0755 "$pod"
  chmod 0755 "$pod/busybox"
  mkfifo -m 0666 "$pod/ctl"
  mkfifo -m 0666 "$pod/report"
  mkfifo -m 0666 "$pod/alive"
  mkfifo -m 0666 "$pod/log"
  for file in message tail refused; do
    : >"$pod/$file"
    chmod 0666 "$pod/$file"
  done
  # The agent runs beside us and waits for this.
  : >"$pod/ready"
done
for volume in /volumes/*; do
  [ -d "$volume" ] || continue
  if [ "$group" = - ]; then
    chmod 0777 "$volume"
  else
    chgrp "$group" "$volume"
    chmod 2777 "$volume"
  fi
done
