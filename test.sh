#!/usr/bin/env bash
# Builds everything and runs every test. Works on a bare Debian 12. Arguments go to ctest, e.g. -R session.
set -euo pipefail
cd "$(dirname "$0")"

tools/install_packages.sh
cmake --preset cpu -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache
cmake --build --preset cpu --parallel "$(nproc)"
ctest --preset cpu --parallel "$(nproc)" "$@"
