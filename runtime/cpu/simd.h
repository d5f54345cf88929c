#pragma once

// GRAPHRUN_SIMD compiles a free function once for each x86-64 level and chooses at load time, so that one
// binary uses AVX-512 where it is. It must be an attribute, hence a macro; a function it marks must have
// internal linkage or be declared without it. Sanitizers do without: what chooses runs before they are there.
// GRAPHRUN_SIMD_OF_HALVES is for loops over bf16, which a session asks for where the CPU multiplies it: there
// is AVX-512 then.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define GRAPHRUN_SIMD [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#define GRAPHRUN_SIMD_OF_HALVES [[gnu::target_clones("arch=x86-64-v4", "default")]]
#else
#define GRAPHRUN_SIMD
#define GRAPHRUN_SIMD_OF_HALVES
#endif
