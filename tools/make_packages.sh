#!/usr/bin/env bash
# make_packages.sh [FOLDER]: the Debian packages libgraphrun0, libgraphrun-dev and graphrun of this checkout, in FOLDER (build/packages),
# for the system that this runs on. Where lintian is installed, its errors are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/packages}
tools/install_packages.sh
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake --preset package "${launcher[@]}" >/dev/null
cmake --build --preset package --parallel "$(nproc)"
rm -rf "$folder"
cpack --config build/package/CPackConfig.cmake -B "$folder"
rm -rf "$folder/_CPack_Packages"
if command -v lintian >/dev/null; then lintian --fail-on error "$folder"/*.deb; fi
ls -l "$folder"
