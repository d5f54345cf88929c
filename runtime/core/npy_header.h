#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "graphrun/shape.h"
#include "graphrun/status.h"

namespace graphrun::core {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

// What NumPy's .npy files begin with: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
struct NpyHeader {
  std::string descr;        // of the elements: "<f4", "|u1"
  Shape shape;              // row-major
  std::size_t data_at = 0;  // where the elements begin
};

// `file`: all of it, or its beginning with the header. Errors (invalid_file, unsupported): another version
// than 1 and 2, Fortran order, records, a damaged header, more than kMaxRank axes.
Result<NpyHeader> parse_npy_header(std::string_view file);

}  // namespace graphrun::core
