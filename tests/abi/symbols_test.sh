#!/bin/sh
# symbols_test.sh check|update LIBRARY LIST NM   the library exports what LIST says, and besides only internals for our own
#                                                modules under a private node; update writes LIST
# symbols_test.sh needs PROGRAM LIST NM          the program needs of libgraphrun what LIST says
# symbols_test.sh none LIBRARY PATTERN NM        the library exports no symbol like this
set -eu
mode=$1
file=$2
list=$3
nm=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "symbols_test: $*"; exit 1; }

# Names of nodes are symbols too, of the type A.
exported() { $nm -D --defined-only "$file" | awk '$(NF - 1) != "A" { print $NF }' | LC_ALL=C sort -u; }

case $mode in
check | update)
  exported | grep -v '@@GRAPHRUN_PRIVATE_[0-9a-f]\{16\}$' >"$work/all" || true
  grep '@@GRAPHRUN_0$' "$work/all" | sed 's/@@GRAPHRUN_0$//' >"$work/public" || true
  if [ "$mode" = update ]; then
    cp "$work/public" "$list"
    exit 0
  fi
  ! grep -v '@@GRAPHRUN_0$' "$work/all" || fail "these are exported under no node of ours"
  if ! diff -u "$list" "$work/public" >"$work/diff"; then
    c++filt <"$work/diff"
    fail "the library exports something else than $list; where that is meant: cmake --build BUILD --target update_exports"
  fi
  ;;
needs)
  $nm -D --undefined-only "$file" | awk '{ print $NF }' | grep '@GRAPHRUN' | LC_ALL=C sort -u >"$work/needs" || true
  diff -u "$list" "$work/needs" || fail "the program needs other symbols than it did"
  ;;
none)
  ! exported | grep -E "$list" || fail "these are exported"
  ;;
esac
