#!/usr/bin/env bash
# tools/fuzz.sh [TARGET] [SECONDS]: runs one fuzz target (tests/fuzz/fuzz_TARGET.cpp), or all one after the other, each over its
# seeds and SECONDS more (15). What it finds is kept in build/fuzz/corpus/TARGET; an input that fails, in build/fuzz/found.
# tools/fuzz.sh --night: eight hours, shared out among all targets. tools/fuzz.sh --seeds: the seeds alone.
# tools/fuzz.sh --coverage [TARGET]: lines of the readers that the seeds reach, and those that they do not.
# tools/fuzz.sh --keep TARGET: the smallest part of the corpus that reaches all that it does is kept in tests/fuzz/corpora.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/fuzz
targets=(model_load model_run graphc expression tensors pickle npy bundle onnx protocol image tiff descriptor annotations sample_list settings
  run_record checkpoint metrics_cut event_cut)

mode=run
seconds=15
case ${1:-} in
  --night) seconds=$((8 * 3600 / ${#targets[@]})) ;;
  --seeds) seconds=0 ;;
  --coverage | --keep)
    mode=${1#--}
    if [[ -n ${2:-} ]]; then targets=("$2"); fi
    ;;
  [0-9]*) seconds=$1 ;;
  ?*) targets=("$1") seconds=${2:-15} ;;
esac

cmake --preset fuzz -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
cmake --build --preset fuzz --parallel "$(nproc)" --target "${targets[@]/#/fuzz_}" >/dev/null

# What a target begins with: its own seeds and files that other tests have.
seeds() {
  case $1 in
    model_load) echo tests/golden/version1 ;;
    model_run) echo tests/fuzz/seeds/model_load tests/golden/version1 ;;
    tensors) echo tests/weights/golden ;;
    graphc) echo graphs tests/graphc/*/ ;;
    descriptor) echo datasets ;;
  esac
  [[ ! -d tests/fuzz/seeds/$1 ]] || echo "tests/fuzz/seeds/$1"
  [[ ! -d $build/kept/$1 ]] || echo "$build/kept/$1"
}

# What --keep has kept, as files.
unpack() {
  rm -rf "$build/kept/$1"
  [[ -f tests/fuzz/corpora/$1.tar.gz ]] || return 0
  mkdir -p "$build/kept/$1"
  tar -xzf "tests/fuzz/corpora/$1.tar.gz" -C "$build/kept/$1"
}

# The files that read what a target gives them.
readers() {
  case $1 in
    model_load) echo runtime/model/{parse,parse_pools,validate,validate_method,validate_signature,upgrade,serialize}.cpp ;;
    model_run) echo runtime/session/{bound_method,dims,lower,method_plan,plan,session,signature}.cpp ;;
    graphc) echo compiler/{json,source,declarations,expand,expand_names,expand_op,expand_optimizer,expand_results,expression,update,parameter_groups}.cpp ;;
    expression) echo compiler/expression.cpp runtime/core/{expr,dim}.cpp ;;
    tensors) echo runtime/weights/{safetensors,pth_zip,pth_legacy,pth_nests,pth_tensors,tensor_table,tensor_choice,other_file,quantised}.cpp ;;
    pickle) echo runtime/weights/{pickle.cpp,pickle_stack.h,pickle_globals.cpp} ;;
    npy | bundle) echo "runtime/weights/$1.cpp" ;;
    onnx) echo exchange/onnx/{read,tensor_reader,wire_reader,model}.cpp exchange/from_onnx/*.cpp ;;
    protocol) echo runtime/labelling/protocol_json.cpp ;;
    image) echo datasets/{image_header,image_cost,tiff_directory,orientation,png_codec,jpeg_codec,file_content}.cpp datasets/codecs/{tiff_codec,opencv_codecs}.cpp ;;
    tiff) echo datasets/tiff_directory.cpp datasets/codecs/{tiff_rows,tiff_source}.cpp ;;
    descriptor) echo datasets/{descriptor,descriptor_json,json_document,label_rule}.cpp ;;
    annotations) echo datasets/import/{coco,coco_mask,labelme,labelme_shapes,json_fields,canvas}.cpp ;;
    sample_list) echo datasets/sample_list.cpp ;;
    settings) echo training/run/settings.cpp ;;
    run_record) echo training/run/run_folder.cpp ;;
    checkpoint) echo training/checkpoint.cpp ;;
    metrics_cut) echo training/run/json_lines.cpp ;;
    event_cut) echo training/tensorboard/event_file.cpp ;;
  esac
}

# Megabytes and seconds that an input may take, and the longest input.
limits() {
  case $1 in
    model_run) echo -rss_limit_mb=2048 -timeout=20 -max_len=65536 ;;
    model_load | graphc) echo -rss_limit_mb=1024 -timeout=20 -max_len=131072 ;;
    image) echo -rss_limit_mb=1024 -timeout=10 -max_len=65536 ;;
    *) echo -rss_limit_mb=512 -timeout=10 -max_len=65536 ;;
  esac
}

# fuzz TARGET ARGUMENTS: one run of its program.
fuzz() {
  local target=$1
  shift
  # Leaks are looked for once, at the end of a run. Files are written to memory where that is possible.
  local scratch=${TMPDIR:-/tmp}
  [[ ! -d /dev/shm ]] || scratch=/dev/shm
  TMPDIR=$scratch OMP_NUM_THREADS=1 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
    LLVM_PROFILE_FILE=${profile:-/dev/null} nice "$build/tests/fuzz/fuzz_$target" "$@"
}

run() {
  local target=$1 corpus=$build/corpus/$1 log=$build/$1.log dictionary=tests/fuzz/$1.dict
  local arguments=(-artifact_prefix="$build/found/$target-" -print_final_stats=1 -verbosity=1)
  [[ ! -f $dictionary ]] || arguments+=(-dict="$dictionary")
  if ((seconds > 0)); then arguments+=(-max_total_time="$seconds"); else arguments+=(-runs=0); fi
  # shellcheck disable=SC2046
  if ! fuzz "$target" "$corpus" $(seeds "$target") $(limits "$target") "${arguments[@]}" >"$log" 2>&1; then
    tail -40 "$log"
    echo "fuzz_$target failed; the whole of it is in $log"
    exit 1
  fi
  printf '%-12s %s\n' "$target" "$(grep -aE '^#[0-9]+.*(DONE|INITED)' "$log" | tail -1)"
}

# Definitions in those files that read nothing of a stranger's, as an expression for the line that they begin with: what
# writes, walks through folders or asks for settings. What catches failing allocations does not count either: no input
# reaches it, tests/api/allocation_failure_test.cpp does.
others() {
  case $1 in
    image) echo 'encode|write_|struct Writer|write_rows|write_bytes|append_bytes|flush_bytes' ;;
    npy | model_load) echo 'write_npy|read_model|write_model' ;;
    sample_list) echo 'too_many' ;;
    descriptor) echo 'descriptors_in|find_descriptor|read_descriptor|recipe_settings' ;;
    tiff) echo 'write_bytes' ;;
    settings) echo 'SettingTable::(set_all|set_assignment|entry|integer|real|flag|word|reals|has_value|is_explicit|source|json)\(' ;;
    run_record) echo 'folder_error|latest_error|make_|seen_from|record_json|protocol_of|new_run_folder|check_run_folder|start_run_folder|latest' ;;
    checkpoint) echo 'trained_name|saved_epochs|urthest|BestEpoch::take|latest_checkpoint|iterations_done|_checkpoint\(const fs::path& run_folder|prune' ;;
    metrics_cut) echo 'JsonLines::write' ;;
    event_cut) echo 'now\(|next_second|host_name|EventFile::' ;;
    *) echo '^$' ;;
  esac
}

# Of the readers' lines those that the seeds reach, in percent; the others are in build/fuzz/TARGET.missed. Of the library
# of codecs as well, which an image opens.
coverage() {
  local target=$1 program=$build/tests/fuzz/fuzz_$1
  local profile=$build/$target-%m.profraw
  rm -f "$build/$target"-*.profraw
  # shellcheck disable=SC2046
  fuzz "$target" $(seeds "$target") $(limits "$target") -runs=0 >"$build/$target.log" 2>&1 ||
    { tail -5 "$build/$target.log" && exit 1; }
  llvm-profdata merge -sparse "$build/$target"-*.profraw -o "$build/$target.profdata"
  # Names are the build's, or what is left of them without what all have in common.
  llvm-cov show "$program" -object "$build/lib/graphrun/libgraphrun_codecs.so" -instr-profile="$build/$target.profdata" \
    -show-instantiations=false 2>/dev/null |
    awk -v files="$(readers "$target")" -v others="$(others "$target")" -v target="$target" -v missed="$build/$target.missed" '
      function reader(name) {
        for (i = 1; i <= count; i++) if (name == list[i] || substr(name, length(name) - length(list[i])) == "/" list[i]) return list[i]
        return ""
      }
      function row(name, lines, reached) { printf "%-12s %-44s %5d lines %6.2f%%\n", target, name, lines, 100 * reached / lines }
      BEGIN { count = split(files, list, " "); printf "" >missed }
      /^\// { sub(/:$/, ""); on = reader($0); over = 0; if (on) print on >missed; next }
      !on || !match($0, /^ +[0-9]+\| *[0-9.kMGE]*\|/) { next }
      {
        text = substr($0, RLENGTH + 1)
        split($0, parts, "|")
        gsub(/ /, "", parts[2])
      }
      over { if (text ~ /^}/ && text !~ /^} catch/) over = 0; next }
      text ~ /^} catch \(\.\.\.\)/ { over = 1; next }
      text ~ /^[A-Za-z]/ && text ~ others { over = text !~ /}$/; next }
      parts[2] == "" { next }
      { lines[on]++; all++ }
      parts[2] == "0" { print >missed; next }
      { reached[on]++; seen++ }
      END {
        for (i = 1; i <= count; i++) if (lines[list[i]]) row(list[i], lines[list[i]], reached[list[i]])
        if (all) row("together", all, seen)
      }'
}

keep() {
  local target=$1 smallest=$build/smallest/$1
  rm -rf "$smallest"
  mkdir -p "$smallest" tests/fuzz/corpora
  # shellcheck disable=SC2046
  fuzz "$target" -merge=1 -use_counters=0 $(limits "$target") "$smallest" $(seeds "$target") "$build/corpus/$target" >"$build/$target.log" 2>&1
  tar -czf "tests/fuzz/corpora/$target.tar.gz" --sort=name --mtime=@0 --owner=0 --group=0 -C "$smallest" .
}

mkdir -p $build/found
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  unpack "$target"
  "$mode" "$target"
done
