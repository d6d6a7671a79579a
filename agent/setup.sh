# Runs first in every task, in the agent's image: gives every app container its holder and every emptyDir its mode, then exits.
#   setup.sh GROUP      GROUP is the pod's fsGroup, or - for none
# The folders are root's, so that an app which is not root can neither remove nor replace what the agent reads.
for pod in /pod/*; do
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
  if [ "$1" = - ]; then
    chmod 0777 "$volume"
  else
    chgrp "$1" "$volume"
    chmod 2777 "$volume"
  fi
done
