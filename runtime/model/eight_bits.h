#pragma once

#include <optional>
#include <string_view>

#include "graphrun/dtype.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::model {

// The service of a device that computes with activations and weights of 8 bits (Backend::service).
struct EightBits {
  static constexpr std::string_view kService = "eight_bits";
  DType wide = DType::f32;  // what it computes in best where there is no kernel for 8 bits: f32 or bf16
};

// What people call the precision of a session: "f32", "bf16", or "int8" for DType::s8.
std::string_view precision_name(DType type);
// Empty: a text that is none of them.
std::optional<DType> precision_of(std::string_view name);

// Backend::check_precision(), which knows no 8 bits, with DType::s8 for them.
Status check_precision(const Backend& backend, DType type);

}  // namespace graphrun::model
