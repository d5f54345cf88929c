#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exchange/onnx/model.h"
#include "exchange/onnx/wire_reader.h"
#include "graphrun/status.h"

namespace graphrun::exchange::onnx {

// What a file may make its reader allocate, whatever it claims.
class ReadBudget {
 public:
  explicit ReadBudget(std::size_t file_size) : left_(file_size * 4 + (std::size_t{64} << 20)) {}
  Status charge(std::size_t bytes) {
    if (bytes > left_) return {ErrorCode::invalid_file, "the file asks for more memory than its size allows"};
    left_ -= bytes;
    return {};
  }

 private:
  std::size_t left_;
};

// A TensorProto. Content is a view of the message where the file has it raw, else own memory. Errors: content
// that is not as long as dims and type say, content in another file.
Status read_tensor(std::span<const std::byte> message, ReadBudget& budget, Tensor& tensor);

// One number, or packed ones.
Status append_integers(const Field& field, ReadBudget& budget, std::vector<std::int64_t>& out);
Status append_reals(const Field& field, ReadBudget& budget, std::vector<float>& out);

}  // namespace graphrun::exchange::onnx
