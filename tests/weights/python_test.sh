#!/bin/sh
# What grun convert writes, read by the safetensors package of Python.
# Arguments: the folder of the programs, the source folder. GRAPHRUN_PYTHON: the interpreter, python3 if not given.
set -eu
bin=$1
golden=$2/tests/weights/golden
python=${GRAPHRUN_PYTHON:-python3}
if ! "$python" -c 'import safetensors.numpy' 2>/dev/null; then
  echo "skipped: $python has no module safetensors"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$bin/grun" convert "$golden/plain.safetensors" "$folder/again.safetensors" -q
for form in zip legacy; do
  for kind in plain checkpoint dtypes views; do
    "$bin/grun" convert "$golden/${form}_$kind.pth" "$folder/${form}_$kind.safetensors" -q
  done
done
"$python" "$2/tests/weights/read_safetensors.py" "$golden/plain.safetensors" "$folder"
