#!/bin/sh
# library_test.sh LIBRARY BUILD_TYPE SANITIZERS STRIP MOST_BYTES MODULE...: name, dependencies, protection and size of the shared library.
set -eu
library=$1
type=$2
sanitizers=$3
strip=$4
most_bytes=$5
shift 5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "library_test: $*"; exit 1; }
needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

readelf -dW "$library" >"$work/dynamic"
grep -q 'SONAME.*\[libgraphrun\.so\.0\]' "$work/dynamic" || fail "its name is not libgraphrun.so.0"
grep -q 'BIND_NOW\|FLAGS_1.*NOW' "$work/dynamic" || fail "addresses are not bound when it is loaded (-z now)"
readelf -lW "$library" | grep -q GNU_RELRO || fail "tables of addresses stay writable (-z relro)"
for name in $(needed "$library"); do
  case $name in
  libdnnl.so.* | libgomp.so.* | libomp.so.* | libstdc++.so.* | libm.so.* | libgcc_s.so.* | libc.so.* | libdl.so.* | libpthread.so.* | ld-linux*) ;;
  libasan.so.* | libubsan.so.* | libtsan.so.*) [ -n "$sanitizers" ] || fail "it needs $name" ;;
  *) fail "it needs $name; beside the C and C++ run time only oneDNN and OpenMP are allowed" ;;
  esac
done
# The runtime that the loader meets first serves oneDNN's loops too.
if needed "$library" | grep -q '^libomp\.so'; then
  [ "$(needed "$library" | grep -E '^lib(omp|gomp|dnnl)\.so' | head -1)" = libomp.so.5 ] || fail "libomp is not loaded first"
fi
for module in "$@"; do
  needed "$module" | grep -q '^libgraphrun\.so\.0$' || fail "$module does not share libgraphrun"
  readelf -VW "$module" | grep -q GRAPHRUN_PRIVATE_ || fail "$module is not tied to this build"
done

$strip -o "$work/stripped" "$library"
bytes=$(wc -c <"$work/stripped")
echo "libgraphrun.so.0: $bytes bytes, stripped"
if [ "$type" = Release ] && [ -z "$sanitizers" ]; then
  [ "$bytes" -le "$most_bytes" ] || fail "that is more than $most_bytes"
fi
