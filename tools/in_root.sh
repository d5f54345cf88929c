#!/usr/bin/env bash
# in_root.sh ROOT [--bind FOLDER PATH]... COMMAND...: gives the system in the folder ROOT what a container would give it
# (/proc, /sys, /dev, a writable /dev/shm and /run; --bind adds a folder of the host), and runs a command in it. It mounts, so it is
# called in namespaces of its own: unshare --mount --pid --ipc --uts --fork --kill-child in_root.sh ... All mounts go with them.
set -euo pipefail
root=$1
shift

# A mount by itself: `ip netns exec` changes the propagation of the mount that / is.
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "dev/${stream#*:}"; done
while [[ ${1:-} == --bind ]]; do
  mkdir -p ".$3"
  mount --bind "$2" ".$3"
  shift 3
done

hostname bare
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
  chroot "$root" "$@"
