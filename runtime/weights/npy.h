#pragma once

#include <string>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/tensor.h"

// NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
namespace graphrun::weights {

struct NpyArray {
  TensorDesc desc;               // dense
  std::vector<std::byte> bytes;  // desc.bytes()
  // Precondition: desc.dtype is this type.
  TensorView view() { return {desc, bytes.data()}; }
};

// Versions 1 and 2, row-major little-endian arrays of every DType but bf16, of at most six axes.
// Errors name the path: not_found, io, invalid_file, unsupported.
Result<NpyArray> read_npy(const std::string& path);

// Byte for byte what numpy.save writes; whole or not at all. bf16 is unsupported: NumPy has no such type.
Status write_npy(const std::string& path, const TensorDesc& desc, std::span<const std::byte> bytes);

}  // namespace graphrun::weights
