#!/usr/bin/env bash
# From nothing to coloured pictures: builds graphrun, compiles a small SPNet, trains it on the generated data set
# `shapes`, evaluates it, and leaves overlays in out/demo/result/overlay. Works on a bare Debian 12, needs no data.
set -euo pipefail
cd "$(dirname "$0")"

tools/install_packages.sh
cmake --preset release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache
cmake --build --preset release --parallel "$(nproc)"
bin="$PWD/build/release/bin"

rm -rf out/demo
mkdir -p out/demo
"$bin/graphc" graphs/spnet_tiny.json -o out/demo/spnet_tiny.fb
"$bin/grun" train out/demo/spnet_tiny.fb --dataset shapes --seed 1 -o out/demo/run
"$bin/grun" eval --run out/demo/run -o out/demo/result
echo "pictures: out/demo/result/overlay"
