#!/bin/sh
# cpp_blocks.sh DOCUMENT PREFIX: writes the programs of a document, what stands between "```cpp" and "```", to PREFIX1.cpp,
# PREFIX2.cpp, ... in their order. An error where there are none.
set -eu
awk -v prefix="$2" '
  /^```cpp$/ { ++count; file = prefix count ".cpp"; printf "" >file; next }
  /^```$/    { if (file != "") close(file); file = ""; next }
  file != "" { print >file }
  END        { exit count == 0 }' "$1"
