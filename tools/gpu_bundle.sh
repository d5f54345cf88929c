#!/usr/bin/env bash
# Builds the preset `gpu` and collects what tools/gpu_check.sh needs on a machine with a GPU and nothing else of this
# project's needs: programs, tests, models, goldens, and the shared libraries that such a machine lacks. What it has:
# glibc, libstdc++, CUDA's driver, cuDNN, cuBLAS and NCCL. The result: build/gpu_bundle.tar.xz.
#
#   tools/gpu_bundle.sh [--no-build]
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/gpu
if [ "${1:-}" != --no-build ]; then
  cmake --preset gpu -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache
  cmake --build --preset gpu --parallel "$(nproc)"
fi

bundle=build/gpu_bundle
rm -rf "$bundle"
mkdir -p "$bundle/bin" "$bundle/lib" "$bundle/models" "$bundle/tools"

for program in "$build"/bin/grun "$build"/bin/graphc "$build"/tests/ops/test_op_* "$build"/tests/session/test_session \
  "$build"/tests/collective/test_nccl "$build"/tests/labelling/test_eval_cuda; do
  if [ -f "$program" ] && [ -x "$program" ]; then
    strip -o "$bundle/bin/$(basename "$program")" "$program"
  fi
done
# Opened by grun when it is asked for a GPU.
strip --strip-unneeded -o "$bundle/lib/libgraphrun_gpu.so" "$build/lib/graphrun/libgraphrun_gpu.so"
rm -f "$bundle/bin/test_op_completeness" "$bundle/bin/test_op_reference" # they read the source tree and no device

# On the other machine already, or of no use without its driver.
left_out='^(linux-vdso|ld-linux-x86-64|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s|cuda|cudart|cudnn.*|cublas.*|nccl|nvidia.*))\.so'
for program in "$bundle"/bin/* "$bundle"/lib/*; do ldd "$program"; done | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u |
  while read -r name file; do
    if [[ ! $name =~ $left_out ]]; then
      cp -L "$file" "$bundle/lib/$name"
      strip --strip-unneeded "$bundle/lib/$name"
    fi
  done

for net in spnet50 pspnet50 psanet50 spnet_tiny pspnet_tiny psanet_tiny; do
  "$build/bin/graphc" "graphs/$net.json" -o "$bundle/models/$net.fb"
done

cp -r graphs "$bundle/"
mkdir -p "$bundle/datasets" "$bundle/tests"
cp datasets/*.json "$bundle/datasets/"
cp -r tests/golden "$bundle/tests/"
mkdir -p "$bundle/tools/bench"
cp tools/gpu_check.sh "$bundle/tools/"
cp tools/bench/gpu_*.py "$bundle/tools/bench/"

# A little of CamVid, for training on photographs.
camvid=../shared/data/camvid
if [ -d "$camvid" ]; then
  mkdir -p "$bundle/camvid/list"
  for split in train:24 val:8; do
    list=list/${split%:*}.txt
    awk -v want="${split#*:}" '{line[NR] = $0} END {for (i = 0; i < want; ++i) print line[1 + int(i * NR / want)]}' \
      "$camvid/$list" >"$bundle/camvid/$list"
    tr ' ' '\n' <"$bundle/camvid/$list" | while read -r file; do
      mkdir -p "$bundle/camvid/$(dirname "$file")"
      cp "$camvid/$file" "$bundle/camvid/$file"
    done
  done
  chmod -R u+w "$bundle/camvid"
fi

tar -C "$bundle" -c . | xz -T0 -9 >"$bundle.tar.xz"
du -sh "$bundle" "$bundle.tar.xz"
