#!/bin/sh
# The event files of a run that was killed and resumed, read by TensorBoard's own code.
# Arguments: the folder of the programs, the source folder. GRAPHRUN_PYTHON: the interpreter, python3 if not given.
set -eu
bin=$1
source=$2
python=${GRAPHRUN_PYTHON:-python3}
if ! "$python" -c 'import tensorboard' 2>/dev/null; then
  echo "skipped: $python has no module tensorboard"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GRAPHRUN_HOME="$source" OMP_WAIT_POLICY=passive
"$bin/graphc" "$source/graphs/spnet_tiny.json" -o tiny.fb -D width=8
# 10 iterations an epoch, of which there is no end before the kill.
train() {
  exec "$bin/grun" train tiny.fb --dataset shapes --seed 3 --threads 1 --set train_h=33 --set train_w=33 \
    --set batch_size=40 --set epochs=100000 --set save_freq=2 --set evaluate=true --set base_lr=0.01 -q "$@"
}
iterations() { cat run/metrics.jsonl 2>/dev/null | wc -l; }
(train -o run) & pid=$!
while [ "$(iterations)" -lt 13 ]; do
  kill -0 $pid || exit 1
  sleep 0.02
done
kill -9 $pid
wait $pid || true
epochs=$(($(iterations) / 10 + 2))
(train -o run --resume auto --max-iters $((epochs * 10)))
"$python" "$source/tests/tools/read_events.py" run $epochs
