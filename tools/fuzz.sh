#!/usr/bin/env bash
# tools/fuzz.sh [TARGET] [SECONDS]: runs one fuzz target (tests/fuzz/fuzz_TARGET.cpp), or all one after the other, each over its
# seeds and SECONDS more (15). What it finds is kept in build/fuzz/corpus/TARGET; an input that fails, in build/fuzz/found.
# tools/fuzz.sh --night: eight hours, shared out among all targets. tools/fuzz.sh --seeds: the seeds alone.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/fuzz
targets=(model_load model_run graphc expression tensors pickle npy bundle protocol image descriptor sample_list settings run_record
  metrics_cut event_cut)

seconds=15
case ${1:-} in
  --night) seconds=$((8 * 3600 / ${#targets[@]})) ;;
  --seeds) seconds=0 ;;
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

# Megabytes and seconds that an input may take, and the longest input.
limits() {
  case $1 in
    model_run) echo -rss_limit_mb=2048 -timeout=20 -max_len=65536 ;;
    model_load | graphc) echo -rss_limit_mb=1024 -timeout=20 -max_len=131072 ;;
    image) echo -rss_limit_mb=1024 -timeout=10 -max_len=65536 ;;
    *) echo -rss_limit_mb=512 -timeout=10 -max_len=65536 ;;
  esac
}

mkdir -p $build/found
for target in "${targets[@]}"; do
  corpus=$build/corpus/$target
  mkdir -p "$corpus"
  dictionary=tests/fuzz/$target.dict
  arguments=(-artifact_prefix="$build/found/$target-" -print_final_stats=1 -verbosity=1)
  [[ ! -f $dictionary ]] || arguments+=(-dict="$dictionary")
  if ((seconds > 0)); then arguments+=(-max_total_time="$seconds"); else arguments+=(-runs=0); fi
  log=$build/$target.log
  # Leaks are looked for once, at the end of a run.
  # shellcheck disable=SC2046
  if ! OMP_NUM_THREADS=1 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
    nice "$build"/tests/fuzz/fuzz_"$target" "$corpus" $(seeds "$target") $(limits "$target") "${arguments[@]}" >"$log" 2>&1; then
    tail -40 "$log"
    echo "fuzz_$target failed; the whole of it is in $log"
    exit 1
  fi
  printf '%-12s %s\n' "$target" "$(grep -E '^#[0-9]+.*(DONE|INITED)' "$log" | tail -1)"
done
