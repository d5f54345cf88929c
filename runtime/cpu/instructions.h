#pragma once

// What the CPU that this runs on can do; one source file for each architecture.
namespace graphrun::cpu {

// Convolutions and products of bf16 have instructions that the library uses.
bool has_bf16();

// Vectors of 512 bits.
bool has_wide_vectors();

}  // namespace graphrun::cpu
