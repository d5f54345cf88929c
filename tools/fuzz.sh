#!/usr/bin/env bash
# tools/fuzz.sh [TARGET] [SECONDS]: runs one fuzz target (tests/fuzz/fuzz_TARGET.cpp), or all one after the other, each over its
# seeds and SECONDS more (15). What it finds is kept in build/fuzz/corpus/TARGET; an input that fails, in build/fuzz/found.
# tools/fuzz.sh --night: eight hours, shared out among all targets. tools/fuzz.sh --seeds: the seeds alone.
# tools/fuzz.sh --coverage [TARGET]: lines of the readers that the seeds reach, and those that they do not.
# tools/fuzz.sh --keep TARGET: the smallest part of the corpus that reaches all that it does becomes seeds.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/fuzz
targets=(model_load model_run graphc expression tensors pickle npy bundle protocol image descriptor annotations sample_list settings
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
    model_load | model_run) echo tests/golden/version1 ;;
    tensors) echo tests/weights/golden ;;
    graphc) echo graphs tests/graphc/*/ ;;
    descriptor) echo datasets ;;
  esac
  [[ ! -d tests/fuzz/seeds/$1 ]] || echo "tests/fuzz/seeds/$1"
}

# The files that read what a target gives them.
readers() {
  case $1 in
    model_load) echo runtime/model/{parse,parse_pools,validate,validate_method,validate_signature,upgrade,serialize}.cpp ;;
    model_run) echo runtime/session/{bound_method,dims,lower,method_plan,plan,session,signature}.cpp ;;
    graphc) echo compiler/{json,source,declarations,expand,expand_names,expand_op,expand_optimizer,expand_results,expression,update,parameter_groups}.cpp ;;
    expression) echo compiler/expression.cpp runtime/core/{expr,dim}.cpp ;;
    tensors) echo runtime/weights/{safetensors,pth_zip,pth_legacy,pth_nests,pth_tensors,tensor_table,tensor_choice,other_file}.cpp ;;
    pickle) echo runtime/weights/{pickle.cpp,pickle_stack.h,pickle_globals.cpp} ;;
    npy | bundle) echo "runtime/weights/$1.cpp" ;;
    protocol) echo runtime/labelling/protocol_json.cpp ;;
    image) echo datasets/{image_header,image_cost,tiff_directory,orientation,png_codec,jpeg_codec,file_content}.cpp ;;
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
  # Leaks are looked for once, at the end of a run.
  OMP_NUM_THREADS=1 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
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
  printf '%-12s %s\n' "$target" "$(grep -E '^#[0-9]+.*(DONE|INITED)' "$log" | tail -1)"
}

# Of the readers' lines those that the seeds reach, in percent; the others are in build/fuzz/TARGET.missed.
coverage() {
  local target=$1 program=$build/tests/fuzz/fuzz_$1
  local profile=$build/$target.profraw
  # shellcheck disable=SC2046
  fuzz "$target" $(seeds "$target") $(limits "$target") -runs=0 >"$build/$target.log" 2>&1
  llvm-profdata merge -sparse "$profile" -o "$build/$target.profdata"
  # shellcheck disable=SC2046
  llvm-cov show "$program" -instr-profile="$build/$target.profdata" $(readers "$target") 2>/dev/null |
    grep -E '^ +[0-9]+\| +0\||^/' >"$build/$target.missed" || true
  # shellcheck disable=SC2046
  llvm-cov report "$program" -instr-profile="$build/$target.profdata" $(readers "$target") 2>/dev/null |
    awk -v target="$target" 'NF > 9 && $1 != "Filename" && $1 !~ /^-/ { printf "%-12s %-48s %s\n", target, $1, $10 }'
}

keep() {
  local target=$1 smallest=$build/smallest/$1
  rm -rf "$smallest"
  mkdir -p "$smallest" "tests/fuzz/seeds/$target"
  # shellcheck disable=SC2046
  fuzz "$target" -merge=1 $(limits "$target") "$smallest" $(seeds "$target") "$build/corpus/$target" >"$build/$target.log" 2>&1
  # What the seeds have anyway is not there twice.
  find $(seeds "$target") -type f -exec sha1sum {} + | awk '{ print $1 }' | sort >"$build/$target.known"
  local file
  for file in "$smallest"/*; do
    grep -qxF "$(sha1sum <"$file" | awk '{ print $1 }')" "$build/$target.known" || cp "$file" "tests/fuzz/seeds/$target/"
  done
}

mkdir -p $build/found
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  "$mode" "$target"
done
