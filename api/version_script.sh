#!/bin/sh
# version_script.sh STAMP_FILE OUTPUT NM LIBRARY.a... -- MODULE.a...
# Writes the linker's version script of libgraphrun: which symbols it exports, under which node.
#   GRAPHRUN_0                the C interface, and what is in the namespace graphrun itself: the public classes.
#   GRAPHRUN_PRIVATE_<stamp>  internals that our own modules call. The node bears the stamp of the build, so that a
#                             module of another build is refused by the loader.
# Everything else stays inside.
set -eu
stamp=$(cut -c1-16 "$1")
output=$2
nm=$3
shift 3
libraries=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  libraries="$libraries $1"
  shift
done
[ $# -eq 0 ] || shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Names and types of symbols; lines of two fields and more are symbols, the others name archives' members.
# shellcheck disable=SC2086
$nm -gP --defined-only $libraries | awk 'NF > 1 { print $1, $2 }' | sort -u >"$work/defined"
: >"$work/needed"
if [ $# -gt 0 ]; then
  $nm -gP --defined-only "$@" | awk 'NF > 1 { print $1 }' | sort -u >"$work/own"
  $nm -uP "$@" | awk 'NF > 1 { print $1 }' | sort -u | comm -23 - "$work/own" >"$work/needed"
fi

# The public names: gr_*, and of C++ the namespace's own functions and classes, but no instance of a template, no inline
# variable (W, V, u) and none of what is behind the classes (Impl). A second component that is a room's name is that
# room's namespace. Tables and type information (V) are exported of classes whose destructor is compiled here; of others
# everyone has their own.
rooms='4core|8exchange|7numeric|10collective|5model|7weights|3cpu|4cuda|7imaging|7session|9profiling|9labelling|6plugin|3ops|8compiler|8datasets|8training|5tools|3api'
awk -v rooms="$rooms" '
  $1 ~ /^gr_[a-z0-9_]+$/ { print $1; next }
  $2 == "W" || $2 == "u" || $1 ~ /4Impl/ || $1 ~ /12_GLOBAL__N_1/ { next }
  $1 ~ "^_Z(T[VIS])?N(V?K?)8graphrun(" rooms ")" { next }
  $2 != "V" && $1 ~ /^_ZNV?K?8graphrun/ { print $1 }
  $1 ~ /^_ZN8graphrun.*D1Ev$/ { name = $1; sub(/^_ZN/, "", name); sub(/D1Ev$/, "", name); destroyed[name] = 1 }
  $1 ~ /^_ZT[VIS]N8graphrun/ { tables[$1] = 1 }
  END {
    for (table in tables) {
      name = table
      sub(/^_ZT[VIS]N/, "", name)
      sub(/E$/, "", name)
      if (name in destroyed) print table
    }
  }
' "$work/defined" | sort -u >"$work/public"
cut -d' ' -f1 "$work/defined" | sort -u | comm -12 - "$work/needed" | comm -23 - "$work/public" | grep -E '8graphrun' \
  >"$work/private" || true

{
  echo "GRAPHRUN_0 {"
  [ ! -s "$work/public" ] || { echo "  global:"; sed 's/.*/    &;/' "$work/public"; }
  echo "  local: *;"
  echo "};"
  if [ -s "$work/private" ]; then
    echo "GRAPHRUN_PRIVATE_$stamp {"
    echo "  global:"
    sed 's/.*/    &;/' "$work/private"
    echo "};"
  fi
} >"$output.new"
mv "$output.new" "$output"
