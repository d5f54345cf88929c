#include "runtime/cpu/instructions.h"

namespace graphrun::cpu {

bool has_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }

bool has_wide_vectors() { return __builtin_cpu_supports("avx512f") != 0; }

}  // namespace graphrun::cpu
