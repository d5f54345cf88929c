#!/bin/bash
# Kills a training run where it makes one of the calls that change something in its folder: open, write (half of it is
# there), fsync, rename, unlink, ... After each kill every checkpoint must be readable and the run must go on; a
# run that was killed again and again must end as one that was not. Arguments: folder of graphc and grun, the library
# of kill_at_call.cpp, kills. GRAPHRUN_TEST_SEED: of the calls; printed where it is drawn.
set -euo pipefail
programs=$1
library=$2
kills=${3:-40}
# A sanitizer's library must come first.
if ldd "$programs/grun" | grep -q 'lib[at]san'; then echo "skipped: built with a sanitizer"; exit 77; fi

seed=${GRAPHRUN_TEST_SEED:-$RANDOM}
echo "GRAPHRUN_TEST_SEED=$seed"
RANDOM=$seed
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME=$PWD/cache
"$programs/graphc" "${GRAPHRUN_HOME:?}/graphs/spnet_tiny.json" -o model.fb -D width=8 -q
cat >few.json <<END
{"name": "few", "labels": {"identity": 7}, "classes": [
   {"name": "a", "color": [0, 0, 0]}, {"name": "b", "color": [9, 9, 9]}, {"name": "c", "color": [0, 0, 9]},
   {"name": "d", "color": [0, 9, 0]}, {"name": "e", "color": [9, 0, 0]}, {"name": "f", "color": [9, 9, 0]},
   {"name": "g", "color": [0, 9, 9]}],
 "generator": {"name": "shapes", "height": 25, "width": 25},
 "splits": {"train": {"count": 8, "seed": 1}, "val": {"count": 2, "seed": 2}}}
END
train() {
  "$programs/grun" train model.fb --dataset few.json --resume auto -o "$1" --seed 1 --threads 1 -q \
    --set batch_size=4 --set train_h=17 --set train_w=17 --set epochs=3 --set keep=1 --set workers=1 --set evaluate=true
}
# What a run has come to: its losses, and the weights and optimiser's state of its last checkpoint.
outcome() {
  sed 's/, "data_s".*//' "$1/metrics.jsonl" | grep '"iter"'
  "$programs/grun" convert "$1/checkpoints/epoch_3.safetensors" last.safetensors >/dev/null
  cksum <last.safetensors
}
train whole 2>errors.txt || { cat errors.txt; exit 1; }
outcome whole >whole.txt

# check RUN: nothing that can be seen is half of something.
check() {
  local checkpoint
  for checkpoint in "$1"/checkpoints/*.safetensors; do
    [[ -e $checkpoint ]] || continue
    "$programs/grun" convert "$checkpoint" copy.safetensors >/dev/null 2>errors.txt ||
      { echo "unreadable after a kill at call $at ($(tail -1 killed.txt)): $checkpoint"; cat errors.txt; exit 1; }
  done
}

touch killed.txt
run=0
ended=0
while (($(wc -l <killed.txt) < kills)); do
  # As often among the first few as among the last many; some are beyond a run's last call, and let it end.
  at=$((RANDOM % (2 << RANDOM % 11) + 1))
  status=0
  GRAPHRUN_KILL_AT=$at GRAPHRUN_KILL_IN=/run$run/ GRAPHRUN_KILL_LOG=$folder/killed.txt LD_PRELOAD=$library \
    train "$folder/run$run/" 2>errors.txt || status=$?
  case $status in
    137) check run$run ;;
    0)
      outcome run$run >run.txt
      diff whole.txt run.txt || { echo "a run that was killed often ended differently"; exit 1; }
      [[ -z $(find run$run -name '*.tmp') ]] || { echo "left behind:"; find run$run -name '*.tmp'; exit 1; }
      rm -rf run$run
      ended=$((ended + 1))
      run=$((run + 1)) ;;
    *)
      echo "after a kill at call $at ($(tail -1 killed.txt)) the run does not go on: status $status"
      cat errors.txt
      exit 1 ;;
  esac
done
# The last one ends, too.
[[ ! -e run$run ]] || { train "$folder/run$run/" 2>errors.txt && outcome run$run >run.txt && diff whole.txt run.txt; } ||
  { echo "the last run does not end as it should"; cat errors.txt; exit 1; }
echo "$kills kills, $ended runs ended as one that was never killed; killed in $(sort killed.txt | uniq -c | awk '{printf "%s%s %s", sep, $1, $2; sep = ", "}')"
