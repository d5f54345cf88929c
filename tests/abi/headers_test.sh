#!/bin/sh
# headers_test.sh g++|clang++ INCLUDE GENERATED: each public header compiles alone, without a warning; the C header as C.
set -eu
compiler=$1
source=$2
generated=$3
command -v "$compiler" >/dev/null || { echo "skipped: there is no $compiler"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for header in $(cd "$source" && find graphrun -name '*.h') $(cd "$generated" && find graphrun -name '*.h'); do
  printf '#include "%s"\n' "$header" >"$work/alone.cpp"
  "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$source" -I"$generated" "$work/alone.cpp" ||
    { echo "headers_test: $header does not compile alone"; failed=1; }
done
for header in c_api.h version.h api.h; do
  case $compiler in clang++) c=clang ;; *) c=gcc ;; esac
  printf '#include "graphrun/%s"\nint main(void) { return 0; }\n' $header >"$work/alone.c"
  "$c" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$source" -I"$generated" "$work/alone.c" ||
    { echo "headers_test: $header does not compile as C"; failed=1; }
done
# A project's own folder of the same names does not get in the way, nor ours in theirs.
mkdir -p "$work/own/runtime/core"
echo 'int own_status();' >"$work/own/runtime/core/status.h"
printf '#include "runtime/core/status.h"\n#include "graphrun/graphrun.h"\nint main() { return own_status(); }\n' >"$work/own.cpp"
"$compiler" -std=c++20 -fsyntax-only -I"$source" -I"$generated" -I"$work/own" "$work/own.cpp" || failed=1
exit $failed
