#include "runtime/cpu/instructions.h"

namespace graphrun::cpu {

// oneDNN has kernels for bf16 on x86-64 alone, but with a library of Arm's that Debian does not build it
// with.
bool has_bf16() { return false; }

bool has_wide_vectors() { return false; }

}  // namespace graphrun::cpu
