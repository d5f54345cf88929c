#!/usr/bin/env bash
# Installs what building and testing graphrun needs on Debian 12, and nothing that is there already; with --checks what
# .ci/run needs as well.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache
  libdnnl-dev libomp-dev libflatbuffers-dev flatbuffers-compiler libopencv-dev libpng-dev libjpeg-dev libtiff-dev
  rapidjson-dev libcli11-dev libfmt-dev libboost-test-dev
  libopenmpi-dev openmpi-bin iproute2 procps
)
[[ "${1:-}" == "--checks" ]] && packages+=(chromium clang clang-format clang-tidy git libclang-rt-dev libomp-dev llvm python3)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
