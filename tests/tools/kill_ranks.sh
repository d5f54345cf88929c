#!/bin/bash
# Kills a random rank of a training run at random moments; each time all ranks must be gone soon, every
# checkpoint must be readable, and the run must go on from one. Arguments: folder of graphc and grun, rounds,
# the most seconds to a kill. GRAPHRUN_TEST_SEED: of the moments and victims; printed where it is drawn.
set -euo pipefail
programs=$1
rounds=${2:-3}
most=${3:-4}
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun"; exit 77; }
[[ $("$programs/grun" doctor) == *"Open MPI"* ]] || { echo "skipped: this build has no Open MPI"; exit 77; }

seed=${GRAPHRUN_TEST_SEED:-$RANDOM}
echo "GRAPHRUN_TEST_SEED=$seed"
RANDOM=$seed
folder=$(mktemp -d)
trap 'pkill -9 -f "$folder/model.fb" || true; rm -rf "$folder"' EXIT
cd "$folder"
"$programs/graphc" "${GRAPHRUN_HOME:?}/graphs/spnet_tiny.json" -o model.fb -D width=8 >/dev/null
# Epochs of four iterations, so that there is often something to save.
cat >few.json <<END
{"name": "few", "labels": {"identity": 7}, "classes": [
   {"name": "a", "color": [0, 0, 0]}, {"name": "b", "color": [9, 9, 9]}, {"name": "c", "color": [0, 0, 9]},
   {"name": "d", "color": [0, 9, 0]}, {"name": "e", "color": [9, 0, 0]}, {"name": "f", "color": [9, 9, 0]},
   {"name": "g", "color": [0, 9, 9]}],
 "generator": {"name": "shapes", "height": 41, "width": 41},
 "splits": {"train": {"count": 24, "seed": 1}, "val": {"count": 7, "seed": 2}}}
END
ranks=3
train() {
  "$programs/grun" train "$folder/model.fb" --ranks $ranks --dataset few.json --resume auto -o run --seed 1 --threads 1 -q \
    --set batch_size=6 --set train_h=33 --set train_w=33 --set epochs=1000000 --set keep=2 --set evaluate=true \
    --set evaluate_freq=3 "$@"
}
# Processes that train, the launcher apart.
trainers() { pgrep -f "^$programs/grun train $folder/model.fb" | while read -r pid; do
  tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -q '^OMPI_COMM_WORLD_RANK=' && echo "$pid"; done || true; }
has_trainers() { [[ -n $(trainers) ]]; }
# await WHAT FILE CONDITION, FILE of errors: while the job runs, and no longer than a run needs to start on a busy machine.
await() {
  local begun=$SECONDS
  until "$3"; do
    kill -0 $job || { echo "$1: the run ended early"; cat "$2"; exit 1; }
    ((SECONDS - begun < 120)) || { echo "$1: nothing after 120 s; there are:"; ps -ef | grep -F "$folder"; exit 1; }
    sleep 0.1
  done
}
done_so_far() { { cat run/metrics.jsonl 2>/dev/null || true; } | wc -l; }

slowest=0
for ((round = 1; round <= rounds; ++round)); do
  train 2>"errors.$round" &
  job=$!
  # At any time: while ranks meet, load, train, validate, save.
  sleep "$((RANDOM % most)).$((RANDOM % 10))"
  await "round $round" "errors.$round" has_trainers
  mapfile -t victims < <(trainers)
  kill -9 "${victims[$((RANDOM % ${#victims[@]}))]}"
  began=$(date +%s%N)
  wait $job && { echo "round $round: the run ended as if nothing had happened"; exit 1; }
  while [[ -n $(trainers) ]]; do
    (($(date +%s%N) - began < 60000000000)) || { echo "round $round: ranks live on after 60 s"; exit 1; }
    sleep 0.05
  done
  took=$((($(date +%s%N) - began) / 1000000))
  ((took > slowest)) && slowest=$took
  for checkpoint in run/checkpoints/*.safetensors; do
    [[ -e $checkpoint ]] || continue
    "$programs/grun" convert "$checkpoint" copy.safetensors >/dev/null || { echo "unreadable: $checkpoint"; exit 1; }
  done
  echo "round $round: $((took)) ms until all were gone, $(done_so_far) iterations logged; $(grep -m1 -o 'rank [0-9].*' "errors.$round" || tail -1 "errors.$round")"
done
before=$(done_so_far)
train --max-iters "$((before + 20))" || { echo "it does not go on"; cat run/metrics.jsonl | tail -2; exit 1; }
(($(done_so_far) == before + 20)) || { echo "expected $((before + 20)) iterations, got $(done_so_far)"; exit 1; }
# No iteration twice, none left out.
sed 's/.*"iter": \([0-9]*\).*/\1/' run/metrics.jsonl | awk '$1 != NR { exit 1 }' || { echo "the log has gaps"; exit 1; }
echo "$rounds kills: all ranks gone within $slowest ms, every checkpoint readable, the run went on"

# SIGTERM to one rank, as a scheduler sends it: all save and end with it.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
options=(train "$folder/model.fb" --dataset shapes --seed 1 --threads 1 -q --set batch_size=6 --set train_h=33 --set train_w=33 --set epochs=1000000)
mpirun -n $ranks --oversubscribe --bind-to none "$programs/grun" "${options[@]}" -o ended &
job=$!
has_begun() { [[ $(cat ended/metrics.jsonl 2>/dev/null | wc -l) -gt 2 ]]; }
await "mpirun" /dev/null has_begun
kill -TERM "$(trainers | tail -1)"
status=0
wait $job || status=$?
((status == 143)) || { echo "after SIGTERM to a rank: status $status instead of 143"; exit 1; }
[[ -e ended/checkpoints/interrupted.safetensors ]] || { echo "after SIGTERM to a rank: nothing saved"; exit 1; }

# Ranks that are told different things are refused before anything is written.
! mpirun --oversubscribe --bind-to none -n 1 "$programs/grun" "${options[@]}" -o other : \
  -n 1 "$programs/grun" "${options[@]}" -o other --set base_lr=0.5 2>refused.txt || { echo "differing ranks were not refused"; exit 1; }
grep -q 'rank 1 on .* has other settings than rank 0' refused.txt || { cat refused.txt; exit 1; }
[[ ! -e other ]] || { echo "differing ranks have begun a run"; exit 1; }
echo "a rank that is told to stop stops all; ranks that differ do not start"
