#!/bin/sh
# install_test.sh BUILD_DIR SOURCE_DIR: installs the build, moves the prefix to another folder, builds doc/embedding
# against it, trains a small network for two iterations with the moved programs, and labels a picture.
set -eu
build=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "install_test: $*"; }
fail() { say "$*"; exit 1; }

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/moved"
prefix=$work/moved
! grep -rlF -e "$build" -e "$source" -e "$work/first" "$prefix/lib/cmake" "$prefix/include" ||
  fail "these files name the folder they were made in"
! grep -rnE '#include <(flatbuffers|opencv|boost|rapidjson|fmt|oneapi)|#include "(compiler|datasets|tools)' "$prefix/include" ||
  fail "these headers need what the runtime keeps to itself"

! grep -rniE 'opencv|boost|flatbuffers|rapidjson' "$prefix/lib/cmake" || fail "the package must not need these"

# Other images than PNG and JPEG are decoded by a library that is opened when one comes.
! ldd "$prefix/bin/grun" | grep -i opencv || fail "grun links these"
ldd "$prefix/lib/graphrun/libgraphrun_codecs.so" | grep -q opencv_imgcodecs || fail "the codecs are not OpenCV's"

say "doc/embedding"
cp -r "$source/doc/embedding" "$work/embedding"
cmake -S "$work/embedding" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/configure.log" ||
  { cat "$work/configure.log"; fail "cannot configure"; }
cmake --build "$work/build" >"$work/build.log" 2>&1 || { cat "$work/build.log"; fail "cannot build"; }
! ldd "$work/build/label_image" | grep -iE 'opencv|boost|flatbuffers|png|fmt|mpi' || fail "label_image links these"

say "the moved programs find their graphs and data sets"
cd "$work"
export OMP_WAIT_POLICY=passive
"$prefix/bin/graphc" "$prefix/share/graphrun/graphs/spnet_tiny.json" -o tiny.fb -D width=8
"$prefix/bin/grun" train tiny.fb --dataset shapes --seed 1 --max-iters 2 -q -o run \
  --set train_h=33 --set train_w=33 --set batch_size=4 --set workers=1

say "label_image"
{ printf 'P6\n48 40\n255\n'; yes 'graphrun' | head -c 5760; } >in.ppm
"$work/build/label_image" run/model.fb run/checkpoints/*.safetensors in.ppm out.ppm >labels.txt
cat labels.txt
grep -qE '%  (ground|disc|square|triangle|ring|cross|stripes)$' labels.txt || fail "no class names of the data set"
[ "$(head -c 3 out.ppm)" = "P6" ] && [ "$(wc -c <out.ppm)" = "$(wc -c <in.ppm)" ] || fail "out.ppm is no picture of the same size"

head -c 3000 run/model.fb >half.fb
status=0
"$work/build/label_image" half.fb run/checkpoints/*.safetensors in.ppm none.ppm 2>error.txt || status=$?
[ $status = 1 ] && grep -q half.fb error.txt || fail "a broken model: exit status $status, $(cat error.txt)"
say "passed"
