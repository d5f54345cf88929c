#!/usr/bin/env bash
# Tests and measures the GPU backend on a machine with a GPU: with build/gpu_bundle.tar.xz (tools/gpu_bundle.sh), in an
# unpacked bundle, or with a finished build of the preset `gpu`. Ends in a table; logs go to $OUT (out/gpu_check).
#
#   tools/gpu_check.sh [STAGE...]     all of them where none is given
#
#   ops        every op against its naive reference, f32 and bf16, fresh random input
#   networks   goldens of the small networks, full networks and 20 iterations of training against the CPU
#   train      spnet_tiny on generated images and on photographs must learn
#   sanitizer  compute-sanitizer on the tests of ops, as far as the time goes
#   bench      training step and latency, and PyTorch's in the same run
#   eval       six scales and mirror images against the reference's protocol in PyTorch
#   profile    seconds by kernel
#
# Environment: PYTHON (one that has PyTorch), SEED (of random input; the time if not given), LIMIT (seconds of a stage's
# longest part, 100), PEERS (measurements of tools/bench/gpu_peer.py for `bench`; all if not given). Exit status: 0 where every bar was met, 1 where one was not, 77 where there is no GPU.
set -uo pipefail
shopt -s nullglob
root=$(cd "$(dirname "$0")/.." && pwd)
stages=("${@:-all}")
[ "${stages[0]}" = all ] && stages=(ops networks train bench eval profile sanitizer)
limit=${LIMIT:-100}
peers=${PEERS:-spnet50_train_eager pspnet50_bf16_eager pspnet50_f32_eager pspnet50_tf32_eager spnet50_bf16_eager pspnet50_bf16_compile
  pspnet50_f32_compile pspnet50_tf32_compile spnet50_bf16_compile spnet50_train_compile}
seed=${SEED:-$(date +%s)}
out=${OUT:-$root/out/gpu_check}
work=$(mktemp -d "${TMPDIR:-/tmp}/gpu_check.XXXXXX")
trap 'rm -rf "$work"' EXIT
table=$work/table
: >"$table"
mkdir -p "$out"

if ! { nvidia-smi -L >"$work/gpus" 2>&1 && grep -q GPU "$work/gpus"; }; then
  echo "skipped: there is no GPU here ($(head -1 "$work/gpus"))"
  exit 77
fi

# --- Programs, and the libraries they need -------------------------------------------------------------------------

if [ -x "$root/bin/grun" ]; then
  programs=$root/bin libraries=$root/lib models=$root/models camvid=$root/camvid
elif [ -f "$root/build/gpu_bundle.tar.xz" ]; then
  mkdir "$work/bundle"
  tar -C "$work/bundle" -xJf "$root/build/gpu_bundle.tar.xz" || exit 1
  programs=$work/bundle/bin libraries=$work/bundle/lib models=$work/bundle/models camvid=$work/bundle/camvid
elif [ -x "$root/build/gpu/bin/grun" ]; then
  programs=$work/bin libraries='' models=$work/models camvid=$root/../shared/data/camvid
  mkdir "$programs" "$models"
  find "$root/build/gpu/bin" "$root/build/gpu/tests" -type f -perm -u+x \
    \( -name grun -o -name graphc -o -name 'test_op_*' -o -name test_session -o -name test_nccl -o -name test_eval_cuda \) \
    ! -name '*completeness' ! -name '*reference' -exec ln -s {} "$programs" \;
else
  echo "neither build/gpu_bundle.tar.xz nor a build of the preset gpu is here: tools/gpu_bundle.sh makes both" >&2
  exit 1
fi

python=${PYTHON:-}
for candidate in "$(command -v python3)" /opt/torch/.venv/bin/python3; do
  if [ -z "$python" ] && "$candidate" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' 2>/dev/null; then
    python=$candidate
  fi
done
# NVIDIA's libraries as Python's packages have them; the toolkit's after those.
nvidia=$("${python:-python3}" -c 'import glob, site; print(":".join(d for s in site.getsitepackages() for d in sorted(glob.glob(s + "/nvidia/*/lib"))))' 2>/dev/null)
search=${libraries:+$libraries:}${nvidia:+$nvidia:}/usr/local/cuda/lib64
ours() { LD_LIBRARY_PATH=$search GRAPHRUN_HOME=$root GRAPHRUN_TEST_SOURCE=$root "$@"; }
peer() { PYTHONPATH=$root/tools/bench TORCHINDUCTOR_CACHE_DIR=$work/inductor "$python" "$root/tools/bench/gpu_peer.py" "$@"; }

for net in spnet50 pspnet50 spnet_tiny; do
  [ -f "$models/$net.fb" ] || ours "$programs/graphc" "$root/graphs/$net.json" -o "$models/$net.fb"
done

row() { printf '%s\t%s\t%s\t%s\n' "$@" | tee -a "$table"; } # what, value, bar, verdict
has_stage() { [[ " ${stages[*]} " == *" $1 "* ]]; }
now() { date +%s.%N; }

# --- Stages ---------------------------------------------------------------------------------------------------------

# In a process of its own, so that xargs can start it: one test case, its log and its exit status.
cat >"$work/one_case" <<'END'
#!/usr/bin/env bash
# Folder of logs, seconds, PROGRAM:CASE, then words that start it.
folder=$1 limit=$2 program=${3%%:*} name=${3##*:}
shift 3
log=$folder/$(basename "$program").${name//\//}
# A share of the cores: threads of several programs would wait for each other's time.
each=$(($(nproc) / AT_ONCE))
if [ "$each" -gt 0 ]; then set -- taskset -c "$((SLOT * each))-$(((SLOT + 1) * each - 1))" "$@"; fi
timeout -k 5 "$limit" "$@" "$program" --run_test="$name" --log_level=message --report_level=short --color_output=no >"$log.log" 2>&1
echo $? >"$log.status"
END
chmod +x "$work/one_case"

# Every test case of the programs of a kind on the GPU, each in a process of its own.
# Arguments: folder of logs, how many at once, seconds of each, pattern of names, words that start a program (or none).
run_cases() {
  local folder=$1 at_once=$2 seconds=$3 pattern=$4 program
  shift 4
  mkdir -p "$folder"
  for program in $(find -L "$programs" -name "$pattern" | sort); do
    ours "$program" --list_content 2>&1 | sed -n 's/^\( *[A-Za-z0-9_]*\)\*.*/\1/p' | awk -v program="$program" '
      {match($0, /^ */); depth = RLENGTH / 4; path[depth] = substr($0, RLENGTH + 1); at[NR] = depth}
      {full = path[0]; for (i = 1; i <= depth; ++i) full = full "/" path[i]; name[NR] = full}
      END {for (i = 1; i <= NR; ++i) if (i == NR || at[i + 1] <= at[i]) print program ":" name[i]}'
  done | AT_ONCE=$at_once GRAPHRUN_TEST_DEVICE=cuda GRAPHRUN_TEST_SEED=$seed LD_LIBRARY_PATH=$search GRAPHRUN_HOME=$root GRAPHRUN_TEST_SOURCE=$root \
    xargs -P "$at_once" --process-slot-var=SLOT -I{} "$work/one_case" "$folder" "$seconds" {} "$@"
}

# Runs test cases and makes a row for all, and a few lines of each that failed. Arguments: stage, then those of run_cases.
run_tests() {
  local stage=$1 folder=$work/$1 passed=0 all=0 skipped=0 failed=0 log name status
  shift
  run_cases "$folder" "$@"
  for log in "$folder"/*.log; do
    name=$(basename "$log" .log)
    status=$(cat "${log%.log}.status")
    all=$((all + 1))
    echo "=== $name: exit status $status" >>"$out/$stage.log"
    cat "$log" >>"$out/$stage.log"
    if [ "$status" = 77 ]; then
      skipped=$((skipped + 1))
    elif [ "$status" = 0 ]; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      if [ "$failed" -le 25 ]; then
        echo "--- $name: exit status $status"
        grep -aE ': (fatal )?error|rror:|^skipped' "$log" | head -2 | sed 's/^[^ ]*tests\///' | cut -c1-200
      fi
    fi
  done
  row "$stage, seed $seed" "$passed of $all test cases pass, $skipped skipped" "all" "$([ "$failed" = 0 ] && [ "$passed" -gt 0 ] && echo ok || echo missed)"
}

stage_ops() { run_tests ops 14 "$limit" 'test_op_*'; }

stage_networks() {
  run_tests networks 8 "$limit" 'test_session'
  run_tests eval_planes 4 60 'test_eval_cuda'
  run_tests nccl 1 60 'test_nccl'
}

field() { "${python:-python3}" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2" 2>/dev/null; }

# Name, precision, then more arguments of grun train.
learn() {
  local name=$1 precision=$2
  shift 2
  ours timeout -k 5 "$limit" "$programs/grun" train "$models/spnet_tiny.fb" --device cuda --precision "$precision" --seed 1 -q \
    -o "$work/run_$name" "$@" >"$work/train_$name.log" 2>&1
  echo $? >"$work/train_$name.status"
}

stage_train() {
  local runs=()
  learn f32 f32 --dataset shapes --set workers=4 --set save_freq=60 &
  runs+=($!)
  learn bf16 bf16 --dataset shapes --set workers=4 --set save_freq=60 &
  runs+=($!)
  if [ -d "$camvid" ]; then
    learn camvid bf16 --dataset camvid --data-root "$camvid" --set epochs=40 --set workers=4 --set save_freq=40 &
    runs+=($!)
  fi
  wait "${runs[@]}"
  for name in f32 bf16 camvid; do
    [ -f "$work/train_$name.log" ] || continue
    local metrics=$work/run_$name/metrics.jsonl
    {
      echo "=== training, $name: exit status $(cat "$work/train_$name.status")"
      cat "$work/train_$name.log"
      [ -f "$metrics" ] && sed -n '1p;$p' "$metrics"
    } >>"$out/train.log"
    "${python:-python3}" - "$metrics" "training, $name" >>"$table" <<'END'
import json, statistics, sys
try:
    losses = [json.loads(line).get("main_loss") for line in open(sys.argv[1])]
    losses = [v for v in losses if v is not None]
    first, last = (statistics.mean(part) for part in (losses[:5], losses[-5:]))
    value, met = "%d iterations, main loss %.3f to %.3f" % (len(losses), first, last), last < 0.7 * first
except Exception as error:
    value, met = "%s: %s" % (type(error).__name__, error), False
print("\t".join([sys.argv[2], value, "loss < 0.7 of the first", "ok" if met else "missed"]))
END
    [ "$name" = camvid ] && continue
    ours timeout -k 5 "$limit" "$programs/grun" eval --run "$work/run_$name" --device cuda --no-pictures -q -o "$work/scores_$name" >>"$out/train.log" 2>&1
    local score
    score=$(field "$work/scores_$name/metrics.json" mIoU)
    row "shapes, $name: mIoU of 100 images" "${score:-none}" ">= 0.90" "$(awk -v s="${score:-0}" 'BEGIN {if (s >= 0.90) print "ok"; else print "missed"}')"
  done
  grep -hE 'error' "$work"/train_*.log | head -5 | cut -c1-300
}

stage_sanitizer() {
  if ! command -v compute-sanitizer >/dev/null; then
    row "compute-sanitizer" "absent" "" ""
    return
  fi
  local tool folder log name status clean unfinished bad more
  for tool in memcheck racecheck; do
    folder=$work/$tool clean=0 unfinished=0 bad='' more=()
    [ "$tool" = memcheck ] && more=(--report-api-errors no) # libraries try what a device may not have
    run_cases "$folder" 14 "$((limit / 2))" 'test_op_*' compute-sanitizer --tool "$tool" "${more[@]}" --error-exitcode 99 --print-limit 20
    for log in "$folder"/*.log; do
      name=$(basename "$log" .log)
      status=$(cat "${log%.log}.status")
      if grep -qaE 'ERROR SUMMARY: [1-9]|RACECHECK SUMMARY: [1-9]|Invalid __' "$log"; then
        bad+=" $name"
        echo "--- $tool, $name"
        grep -aE '^=========' "$log" | head -5 | cut -c1-200
      elif grep -qaE 'ERROR SUMMARY: 0|RACECHECK SUMMARY: 0' "$log"; then
        clean=$((clean + 1))
      else
        unfinished=$((unfinished + 1))
      fi
      echo "=== $tool, $name: exit status $status" >>"$out/sanitizer.log"
      grep -aE '^=========' "$log" | head -60 >>"$out/sanitizer.log"
    done
    row "$tool" "$clean test cases clean, $unfinished unfinished after $((limit / 2)) s${bad:+; errors:$bad}" "no error" "$([ -z "$bad" ] && [ "$clean" -gt 0 ] && echo ok || echo missed)"
  done
}

# Name, then arguments of grun bench: its JSON with the name, or its error.
bench() {
  local name=$1 text
  shift
  text=$(ours timeout -k 5 "$limit" "$programs/grun" bench "$@" --device cuda --json 2>"$work/bench.err" | tail -1)
  "${python:-python3}" -c 'import json, sys
try: found = json.loads(sys.argv[2])
except ValueError: found = {"error": sys.argv[3][-200:] or "no result"}
print(json.dumps({"name": sys.argv[1], **found}))' "$name" "$text" "$(tail -2 "$work/bench.err" | tr '\n' ' ')" | tee -a "$work/bench.jsonl"
}

compile_ahead() {
  peer --warm --limit 200 spnet50_train_compile >"$work/warm.log" 2>&1
}

stage_bench() {
  bench ours_spnet50_train "$models/spnet50.fb" --mode train --shape 16,3,480,480 --precision bf16 --iters 20
  bench ours_pspnet50_bf16 "$models/pspnet50.fb" --shape 1,3,473,473 --precision bf16 --iters 50
  bench ours_pspnet50_f32 "$models/pspnet50.fb" --shape 1,3,473,473 --iters 50
  bench ours_spnet50_bf16 "$models/spnet50.fb" --shape 1,3,480,480 --precision bf16 --iters 50
  if [ -n "$python" ]; then
    # shellcheck disable=SC2086 # a list of words
    peer --limit "$limit" $peers 2>>"$work/peer.err" | tee -a "$work/bench.jsonl"
  else
    echo "no Python with PyTorch here: nothing to compare with"
  fi
  cat "$work/bench.jsonl" "$work/peer.err" >>"$out/bench.log" 2>/dev/null
  "${python:-python3}" "$root/tools/bench/gpu_rows.py" bench "$work/bench.jsonl" | tee -a "$table"
}

# Precision: seconds an image between 3 and 12 images, so that binding is left out, and of all 12 with it.
our_eval() {
  local precision=$1 folder=$work/eval times=() count
  for count in 3 12; do
    ours timeout -k 5 "$limit" "$programs/grun" eval "$models/pspnet50.fb" --device cuda --precision "$precision" --weights "$folder/weights.pth" \
      --dataset ade20k --data-root "$folder" --split test --ms --set base_size=512 --set test_h=473 --set test_w=473 --set index_step=$count \
      -o "$folder/ours_$precision" -v >"$work/eval_$precision.log" 2>&1
    times+=("$(sed -n 's/.*label maps: \([0-9.]*\) s.*/\1/p' "$work/eval_$precision.log")")
    cat "$work/eval_$precision.log" >>"$out/eval.log"
  done
  "${python:-python3}" -c 'import json, sys
name, few, many, error = sys.argv[1:]
found = {"s_per_image": (float(many) - float(few)) / 9, "all_s_per_image": float(many) / 12} if few and many else {"error": error[-200:]}
print(json.dumps({"name": name, **found}))' "ours_eval_$precision" "${times[0]}" "${times[1]}" "$(tail -1 "$work/eval_$precision.log")" | tee -a "$work/eval.jsonl"
}

stage_eval() {
  if [ -z "$python" ]; then
    row "evaluation" "no Python with PyTorch, which makes weights and images" "" ""
    return
  fi
  peer --limit "$limit" --folder "$work/eval" --images 12 --timed 3 eval 2>>"$out/eval.log" | tee -a "$work/eval.jsonl"
  our_eval f32
  our_eval bf16
  cat "$work/eval.jsonl" >>"$out/eval.log"
  "$python" "$root/tools/bench/gpu_rows.py" eval "$work/eval.jsonl" "$work/eval" | tee -a "$table"
}

stage_profile() {
  ours timeout -k 5 "$limit" "$programs/grun" bench "$models/spnet50.fb" --device cuda --mode train --shape 16,3,480,480 --precision bf16 --iters 5 -v >>"$out/profile.log" 2>&1
  ours timeout -k 5 "$limit" "$programs/grun" bench "$models/pspnet50.fb" --device cuda --shape 1,3,473,473 --precision bf16 --iters 10 -v >>"$out/profile.log" 2>&1
  grep -n -A 14 -E '^kernels' "$out/profile.log" | cut -c1-120
}

# --- All of them ------------------------------------------------------------------------------------------------------

for stage in "${stages[@]}" nccl eval_planes; do rm -f "$out/$stage.log"; done
cat "$work/gpus"
ours "$programs/grun" doctor 2>&1 | grep -iE 'cuda|cudnn|gpu|multiproc' | head -6
# PyTorch's compiler works beside the stages that time nothing.
if has_stage bench && [ -n "$python" ] && [[ "$peers" == *spnet50_train_compile* ]]; then compile_ahead & fi
for stage in "${stages[@]}"; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "no stage $stage" >&2
    row "$stage" "no such stage" "" missed
    continue
  fi
  [ "$stage" = bench ] && wait
  begin=$(now)
  echo "##### $stage"
  "stage_$stage"
  printf '##### %s took %.1f s\n' "$stage" "$(echo "$(now) $begin" | awk '{print $1 - $2}')"
done
for name in nccl eval_planes; do
  [ -f "$out/$name.log" ] && cat "$out/$name.log" >>"$out/networks.log" && rm "$out/$name.log"
done

awk -F '\t' '{
  for (i = 1; i <= 3; ++i) { $i = substr($i, 1, 110); cell[NR, i] = $i; if (length($i) > wide[i]) wide[i] = length($i) }
  last[NR] = $4
} END {
  for (r = 1; r <= NR; ++r) printf "%-*s  %-*s  %-*s  %s\n", wide[1], cell[r, 1], wide[2], cell[r, 2], wide[3], cell[r, 3], last[r]
}' "$table" | tee "$out/table.txt"
! grep -qE $'\t(missed|not measured)$' "$table"
