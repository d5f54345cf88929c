#!/bin/sh
# install_test.sh BUILD_DIR SOURCE_DIR BUILD_TYPE: installs the build, moves the prefix to another folder, trains a small
# network with the moved programs, and builds and runs every example against the package, as its user would.
# install_test.sh --installed PREFIX SOURCE_DIR: the same with what is installed in PREFIX already.
set -eu
if [ "$1" = --installed ]; then
  build=
  prefix=$2
  type=Release
else
  build=$1
  type=$3
fi
source=$([ -n "$build" ] && echo "$2" || echo "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "install_test: $*"; }
fail() { say "$*"; exit 1; }

if [ -n "$build" ]; then
  cmake --install "$build" --prefix "$work/first" >"$work/install.log"
  mv "$work/first" "$work/moved"
  prefix=$work/moved
  [ "$(ls "$prefix/include")" = graphrun ] || fail "there is more in include than graphrun: $(ls "$prefix/include")"
fi
libraries=$(dirname "$(find "$prefix" -name libgraphrun.so.0)")
headers=$prefix/include/graphrun
! grep -rlF -e "${build:-$source}" -e "$source" -e "$work/first" "$libraries/cmake/graphrun" "$libraries/pkgconfig/graphrun.pc" "$headers" ||
  fail "these files name the folder they were made in"

say "only the public headers, which include each other and the standard library"
! find "$headers" -type f ! -name '*.h' | grep . || fail "these are no headers"
! grep -rnE '#include ("(\.|[^g])|<[a-z_]+[./])' "$headers" | grep -vE '<std(int|def)\.h>' ||
  fail "these includes are neither of graphrun nor of the standard library"
! grep -niE 'opencv|boost|flatbuffers|rapidjson|fmt' "$libraries/cmake/graphrun/graphrunShared.cmake" ||
  fail "the package must not need these"

# Other images than PNG and JPEG are decoded by a library that is opened when one comes.
! ldd "$prefix/bin/grun" | grep -i opencv || fail "grun links these"
ldd "$libraries/graphrun/libgraphrun_codecs.so" | grep -q opencv_imgcodecs || fail "the codecs are not OpenCV's"

say "the moved programs find their graphs and data sets"
cd "$work"
export OMP_WAIT_POLICY=passive
"$prefix/bin/graphc" --version | grep -qE '^graphc [0-9.]+ \([0-9a-f]{12} [A-Za-z]*\)$' || fail "graphc --version"
"$prefix/bin/grun" --version | grep -qE '^grun [0-9.]+ \([0-9a-f]{12} [A-Za-z]*\)$' || fail "grun --version"
"$prefix/bin/graphc" "$prefix/share/graphrun/graphs/spnet_tiny.json" -o tiny.fb -D width=8
"$prefix/bin/grun" train tiny.fb --dataset shapes --seed 1 --max-iters 2 -q -o run \
  --set train_h=33 --set train_w=33 --set batch_size=4 --set workers=1
"$prefix/bin/grun" pack run/model.fb --weights run/checkpoints/*.safetensors -o shapes.grun
{ printf 'P6\n48 40\n255\n'; yes 'graphrun' | head -c 5760; } >in.ppm

# build_example NAME FOLDER [cmake options]: FOLDER/NAME, built from a copy of its folder alone.
build_example() {
  example=$1
  into=$work/$2
  shift 2
  [ -d "$work/source_$example" ] || cp -r "$source/examples/$example" "$work/source_$example"
  cmake -S "$work/source_$example" -B "$into" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release "$@" >"$into.log" 2>&1 ||
    { cat "$into.log"; fail "$example cannot be configured"; }
  cmake --build "$into" >>"$into.log" 2>&1 || { cat "$into.log"; fail "$example cannot be built"; }
}
is_picture() { # is_picture FILE MAGIC BYTES
  [ "$(head -c 2 "$1")" = "$2" ] && [ "$(wc -c <"$1")" = "$3" ] || fail "$1 is no picture of the size"
}
classes='(ground|disc|square|triangle|ring|cross|stripes)$'

for folder in "$source"/examples/*/; do
  example=$(basename "$folder")
  say "example $example"
  build_example "$example" "built_$example"
  built=$work/built_$example/$example
  case $example in
  label_image)
    "$built" shapes.grun in.ppm out.pgm | tee labels.txt
    grep -qE "$classes" labels.txt || fail "no class names of the data set"
    is_picture out.pgm P5 $((13 + 48 * 40))
    ! ldd "$built" | grep -iE 'opencv|boost|flatbuffers|png|fmt|mpi' || fail "$example links these"
    head -c 3000 shapes.grun >half.grun
    status=0
    "$built" half.grun in.ppm none.pgm 2>error.txt || status=$?
    [ $status = 1 ] && grep -q half.grun error.txt || fail "half a bundle: exit status $status, $(cat error.txt)"
    ;;
  label_from_c)
    "$built" shapes.grun - in.ppm out.ppm | tee labels_c.txt
    grep -qE "$classes" labels_c.txt || fail "no class names of the data set"
    is_picture out.ppm P6 "$(wc -c <in.ppm)"
    "$built" run/model.fb run/checkpoints/*.safetensors in.ppm same.ppm >labels_files.txt
    cmp labels_c.txt labels_files.txt && cmp out.ppm same.ppm || fail "a bundle labels otherwise than its files"
    ;;
  train)
    "$built" "$prefix/share/graphrun/graphs/spnet_tiny.json" shapes trained train_h=33 train_w=33 batch_size=4 workers=1 \
      epochs=1 evaluate=false >trained.txt || { cat trained.txt; fail "$example"; }
    grep -q 'saved .*safetensors' trained.txt || fail "$example saved nothing"
    ;;
  own_data)
    "$built" tiny.fb discs | tee discs.txt
    grep -q '^mIoU .* on 4 images$' discs.txt || fail "$example gave no score"
    ;;
  logits)
    tail -c 5760 in.ppm >in.rgb
    "$built" shapes.grun 40 48 in.rgb out.f32 | tee logits.txt
    [ "$(grep -cE "$classes" logits.txt)" = 7 ] || fail "there are seven classes"
    [ "$(wc -c <out.f32)" = $((4 * 7 * 40 * 48)) ] || fail "seven maps of float32 have another size"
    ;;
  train_loop)
    "$built" tiny.fb shapes 12 loop.safetensors | tee loop.txt
    sed -n 's/^step \(1\|12\) loss //p' loop.txt | tr '\n' ' ' | awk '{ exit !($2 < $1) }' || fail "the loss does not fall"
    "$prefix/bin/grun" predict tiny.fb -D classes=7 --weights loop.safetensors --dataset shapes in.ppm -o loop_labels -q
    [ -s loop_labels/gray/in.png ] || fail "its weights label nothing"
    ;;
  custom_op)
    ops=$work/built_custom_op/my_ops.so
    net=$work/source_custom_op/net.json
    "$built" "$ops" "$net" custom workers=1 | tee custom.txt
    right=$(sed -n 's/^\([0-9]*\) of 14641 pixels are labelled right$/\1/p' custom.txt)
    [ "${right:-0}" -gt 8000 ] || fail "of a hundred iterations on shapes one expects more"
    checkpoint=$(ls custom/checkpoints/*.safetensors | tail -n 1)
    say "the same from the command line"
    "$prefix/bin/graphc" "$net" --ops "$ops" -o custom_cli.fb
    cmp custom.fb custom_cli.fb || fail "graphc and compile() write two models"
    precision=f32
    ! grep -q avx512_bf16 /proc/cpuinfo || precision=bf16
    "$prefix/bin/grun" train custom_cli.fb --ops "$ops" --dataset shapes --max-iters 2 --set workers=1 --precision $precision -q \
      -o custom_run
    "$prefix/bin/grun" predict custom/model.fb --ops "$ops" --weights "$checkpoint" --dataset shapes \
      in.ppm -o custom_labels -q
    [ -s custom_labels/gray/in.png ] || fail "grun predict --ops wrote nothing"
    "$prefix/bin/grun" pack custom/model.fb --ops "$ops" --weights "$checkpoint" -o custom.grun
    "$prefix/bin/grun" predict custom.grun --ops "$ops" in.ppm -o custom_packed -q
    cmp custom_labels/gray/in.png custom_packed/gray/in.png || fail "the bundle labels otherwise"
    status=0
    "$prefix/bin/grun" predict custom.grun in.ppm -o none 2>error.txt || status=$?
    [ $status = 1 ] && grep -q 'comes from the op library "my_ops" 1.0, which was not given: name its file with --ops' error.txt ||
      fail "without the library: exit status $status, $(cat error.txt)"
    ;;
  *) fail "say here how the example $example is run" ;;
  esac
done

say "the programs in the documents"
for document in README.md doc/api.md; do
  name=$work/$(basename $document .md)_
  "$source/tests/install/cpp_blocks.sh" "$source/$document" "$name"
  for program in "$name"*.cpp; do
    # shellcheck disable=SC2086
    ${CXX:-c++} ${CXXFLAGS:-} -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" "$program" ||
      fail "$(basename "$program" .cpp) of $document does not compile"
  done
done
[ "$(wc -l <README_1.cpp)" -le 15 ] || fail "the README's program has more than 15 lines"
cp shapes.grun yard.grun
# shellcheck disable=SC2086
${CXX:-c++} ${CXXFLAGS:-} -std=c++20 -I"$prefix/include" -I"$source" README_1.cpp "$source/tests/install/readme_main.cpp" -o readme \
  -L"$libraries" -lgraphrun -Wl,-rpath,"$libraries"
./readme in.ppm | tee readme.txt
[ "$(grep -cE "^$classes" readme.txt)" = 2 ] || fail "40 rows have two classes in every 32nd"

say "static programs"
build_example label_image static -DGRAPHRUN_STATIC=ON
"$work/static/label_image" shapes.grun in.ppm static.pgm >labels_static.txt
cmp labels.txt labels_static.txt && cmp out.pgm static.pgm || fail "the static library labels otherwise"
! ldd "$work/static/label_image" | grep -E 'libgraphrun|opencv|fmt' || fail "the static program links these"
strip -o static.stripped "$work/static/label_image"
say "the static program has $(wc -c <static.stripped) bytes, stripped"
if [ "$type" = Release ] && [ -z "${CXXFLAGS:-}" ]; then
  [ "$(wc -c <static.stripped)" -le 3000000 ] || fail "that is more than 3 MB"
fi

build_example label_from_c static_c -DGRAPHRUN_STATIC=ON
"$work/static_c/label_from_c" shapes.grun - in.ppm static.ppm >labels_static_c.txt
cmp labels_c.txt labels_static_c.txt && cmp out.ppm static.ppm || fail "the static library labels otherwise from C"
build_example train static_train -DGRAPHRUN_STATIC=ON
# A static program does not know where graphrun is installed.
GRAPHRUN_HOME=$prefix/share/graphrun "$work/static_train/train" "$prefix/share/graphrun/graphs/spnet_tiny.json" shapes trained_static train_h=33 train_w=33 \
  batch_size=4 workers=1 epochs=1 evaluate=false >trained_static.txt || { cat trained_static.txt; fail "static train"; }
grep -q 'saved .*safetensors' trained_static.txt || fail "static train saved nothing"
for program in static_c/label_from_c static_train/train; do
  ! ldd "$work/$program" | grep libgraphrun || fail "$program links these"
done

if command -v pkg-config >/dev/null; then
  say "pkg-config"
  export PKG_CONFIG_PATH="$libraries/pkgconfig"
  # shellcheck disable=SC2046
  ${CC:-cc} ${CFLAGS:-} -std=c11 "$source/examples/label_from_c/label_from_c.c" -o by_pkg_config \
    $(pkg-config --cflags --libs graphrun) -Wl,-rpath,"$libraries" || fail "pkg-config's flags do not suffice"
  ./by_pkg_config shapes.grun - in.ppm by_pkg_config.ppm >/dev/null
  cmp out.ppm by_pkg_config.ppm || fail "the program of pkg-config labels otherwise"
  # What the shared library would be found by as well is taken out: the archive is left.
  ${CC:-cc} ${CFLAGS:-} -std=c11 "$source/examples/label_from_c/label_from_c.c" -o static_by_pkg_config \
    $(pkg-config --cflags graphrun) $(pkg-config --libs --static graphrun | sed 's/-lgraphrun/-l:libgraphrun.a/') ||
    fail "pkg-config --static does not suffice"
  ./static_by_pkg_config shapes.grun - in.ppm static_by_pkg_config.ppm >/dev/null
  cmp out.ppm static_by_pkg_config.ppm || fail "the static program of pkg-config labels otherwise"
  ! ldd static_by_pkg_config | grep libgraphrun || fail "pkg-config --static links the shared library"
  [ "$(pkg-config --modversion graphrun)" = "$("$prefix/bin/grun" --version | cut -d' ' -f2)" ] || fail "two versions"
else
  say "no pkg-config here: its file was not tried"
fi
say "passed"
