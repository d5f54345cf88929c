#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exchange/onnx/model.h"
#include "exchange/onnx/wire_reader.h"
#include "graphrun/status.h"
#include "runtime/core/read_budget.h"

namespace graphrun::exchange::onnx {

using core::ReadBudget;

// A TensorProto. Content is a view of the message where the file has it raw, else own memory. Errors: content
// that is not as long as dims and type say, content in another file.
Status read_tensor(std::span<const std::byte> message, ReadBudget& budget, Tensor& tensor);

// One number, or packed ones.
Status append_integers(const Field& field, ReadBudget& budget, std::vector<std::int64_t>& out);
Status append_reals(const Field& field, ReadBudget& budget, std::vector<float>& out);

}  // namespace graphrun::exchange::onnx
