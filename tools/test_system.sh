#!/usr/bin/env bash
# test_system.sh SUITE [demo|test|all|packages]: the README's two commands on a bare Debian (bookworm, trixie): makes a minimal
# root by debootstrap below $TMPDIR, copies the tracked files into it, runs ./demo.sh and ./test.sh there, and prints which passed.
# packages: makes the Debian packages there (tools/make_packages.sh) and installs them in a second root, where the programs train and
# every example is built and run.
# Packages come from where the host's apt gets them. Needs root and debootstrap; exits with 77 where they are missing.
#   --user         as a user with sudo, without a password, instead of as root
#   --ccache DIR   a compiler cache to share (with --user it is only read)
#   --mirror URL   where the host's apt names no mirror of the host's suite
#   --made FOLDER  packages that were made already, on a system of the suite
#   --keep         leaves the root, and says where
# Logs are left in build/system.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=
what=all
mirror=
cache=
user=root
keep=false
made=
usage() {
  sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
while (($#)); do
  case $1 in
    bookworm | trixie) suite=$1 ;;
    demo | test | all | packages) what=$1 ;;
    --user) user=builder ;;
    --keep) keep=true ;;
    --ccache | --mirror | --made)
      (($# > 1)) || usage
      case $1 in
        --mirror) mirror=$2 ;;
        --ccache) cache=$(realpath -e "$2") ;;
        --made) made=$(realpath -e "$2") ;;
      esac
      shift
      ;;
    *) usage ;;
  esac
  shift
done
[[ -n $suite ]] || usage

skip() {
  echo "skipped: $*"
  exit 77
}
((EUID == 0)) || skip "only root can make a root"
command -v debootstrap >/dev/null || skip "there is no debootstrap (Debian: debootstrap)"
unshare --mount --pid --ipc --uts --fork true 2>/dev/null || skip "namespaces are not permitted"
host_suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
copy_sources=false
if [[ -z $mirror ]]; then
  copy_sources=true
  mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$host_suite" '$1 == suite && !found { print $2; found = 1 }')
  [[ -n $mirror ]] || skip "the host's apt names no mirror of its suite \"$host_suite\" (--mirror URL)"
fi

roots=()
root=
logs=$PWD/build/system
folder=/usr/src/graphrun
mkdir -p "$logs"
log=
job=
# All mounts are made in namespaces that end with what runs in them, so that nothing of the host lies below the root here.
clean_up() {
  local status=$?
  ((status == 0)) || [[ -z $log ]] || tail -n 60 "$log"
  [[ -z $job ]] || { kill -KILL "$job" && wait "$job" || true; } 2>/dev/null
  if $keep; then
    echo "roots are left in ${roots[*]}"
  else
    # What was killed just now may still have written.
    rm -rf --one-file-system "${roots[@]}" 2>/dev/null || { sleep 1 && rm -rf --one-file-system "${roots[@]}"; }
  fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# In the background, so that a signal to this script is handled at once.
apart() {
  local status=0
  unshare --mount --pid --ipc --uts --fork --kill-child "$@" </dev/null &
  job=$!
  wait "$job" || status=$?
  job=
  return $status
}

binds=()
settings=()
if [[ -n $cache ]]; then
  binds=(--bind "$cache" /ccache)
  # Objects are found again from other folders of the same depth, and by a compiler of the same bytes.
  settings=(CCACHE_DIR=/ccache CCACHE_BASEDIR=/ CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content CCACHE_SLOPPINESS=time_macros)
  [[ $user == root ]] || settings+=(CCACHE_READONLY=1 CCACHE_TEMPDIR=/tmp)
fi
in_root() { apart tools/in_root.sh "$root" "${binds[@]}" "$@"; }

# The host's sources with the root's suite in the place of the host's, its proxies, and what else it has set for fetching.
copy_apt_settings() {
  local file
  apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' >"$root/etc/apt/apt.conf.d/50host"
  $copy_sources || return 0
  rm -f "$root/etc/apt/sources.list"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [[ ! -e $file ]] || sed "s/\b$host_suite\b/$suite/g" "$file" >"$root$file"
  done
}

make_root() {
  local include=() proxy=
  root=$(mktemp -d "${TMPDIR:-/tmp}/graphrun-$suite-XXXXXX")
  roots+=("$root")
  [[ $mirror != https:* ]] || include=(--include=ca-certificates)
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  chmod 755 "$root"
  http_proxy=${proxy:-${http_proxy:-}} apart debootstrap --variant=minbase "${include[@]}" "$suite" "$root" "$mirror"
  copy_apt_settings
  # What is thrown away need not survive a loss of power.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
}

copy_checkout() {
  mkdir -p "$root$folder"
  git -c safe.directory="$PWD" ls-files -z | tar --create --null --files-from=- |
    tar --extract --no-same-owner --directory "$root$folder"
  [[ $user == root ]] || in_root sh -ec "
    apt-get update -q
    apt-get install -y -q --no-install-recommends sudo
    useradd --create-home --shell /bin/bash $user
    echo '$user ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/$user
    chown -R $user: $folder"
}

# What CTest lists under "The following tests FAILED:".
failed_tests() {
  sed -nE '/tests FAILED/,$ s/^\s*[0-9]+ - (\S+) \((.*)\).*/\1 \2/p' "$1" | awk '$2 != "Skipped" && $2 != "Disabled" { print $1 }' | paste -sd' '
}

results=()
failed=0
# run NAME COMMAND: in the root's checkout.
run() {
  local status=0 begin=$SECONDS as=()
  log=$logs/$suite-$1.log
  [[ $user == root ]] || as=(sudo --user=$user --login env "${settings[@]}")
  echo "$suite: $1 as $user, log in $log"
  in_root env "${settings[@]}" "${as[@]}" bash -c "cd $folder && $2" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    failed=1
    tail -n 60 "$log"
  fi
  results+=("$(printf '%-10s %-8s %-8s %6d %8d  %s' "$suite" "$1" "$user" $status $((SECONDS - begin)) "$(failed_tests "$log")")")
  log=
  return $status
}

# new_root NAME: with the tracked files.
new_root() {
  echo "$suite: making a root"
  log=$logs/$suite-$1.log
  make_root >"$log" 2>&1
  copy_checkout >>"$log" 2>&1
}

packages() {
  local install="apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends" sudo=
  [[ $user == root ]] || sudo="sudo "
  if [[ -z $made ]]; then
    new_root root
    run packages "$sudo sh -c '$install lintian' && tools/make_packages.sh" || return 0
    made=$logs/$suite-packages
    rm -rf "$made"
    cp -r "$root$folder/build/packages" "$made"
  fi
  new_root second-root
  cp -r "$made" "$root$folder/packages"
  run installed "$sudo sh -c '$install ./packages/*.deb' &&
    graphc spnet_tiny -o /tmp/tiny.fb && grun doctor && grun train /tmp/tiny.fb --dataset shapes --max-iters 3 -o /tmp/run &&
    $sudo sh -c '$install g++ cmake ninja-build pkg-config' &&
    CMAKE_GENERATOR=Ninja tests/install/install_test.sh --installed /usr $folder" || return 0
}

if [[ $what == packages ]]; then
  packages
else
  new_root root
  for command in demo test; do
    [[ $what != all && $what != "$command" ]] || run $command.sh ./$command.sh || true
  done
fi
printf '%-10s %-8s %-8s %6s %8s  %s\n' system command user status seconds 'failed tests'
printf '%s\n' "${results[@]}"
exit $failed
