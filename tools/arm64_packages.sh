#!/usr/bin/env bash
# arm64_packages.sh FOLDER: unpacks Debian's arm64 packages of the libraries that the runtime, the compiler and their tests need into
# FOLDER, beside the host's own. Needs a Debian whose apt knows the architecture: dpkg --add-architecture arm64 && apt-get update.
#   cmake -S . -B build/arm64 -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/aarch64-linux-gnu.cmake -DGRAPHRUN_SYSROOT=FOLDER \
#     -DGRAPHRUN_TOOLS=OFF -DGRAPHRUN_MPI=OFF -DGRAPHRUN_CUDA=OFF
#   cmake --build build/arm64
#   tools/test_emulated.py --emulator "qemu-aarch64 -L FOLDER" --build build/arm64
set -euo pipefail
(($# == 1)) || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
folder=$(realpath "$1")
packages=(
  libc6 libgcc-s1 libstdc++6 libgomp1 libomp5-14 libdnnl2 libdnnl-dev ocl-icd-libopencl1 libfmt9 libfmt-dev libflatbuffers2 libflatbuffers-dev
  libboost1.74-dev libboost-test1.74-dev libboost-test1.74.0
)
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
chmod 755 "$fetched"
(cd "$fetched" && apt-get download -q "${packages[@]/%/:arm64}")
for package in "$fetched"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
cp -r /usr/include/rapidjson "$folder/usr/include/"
