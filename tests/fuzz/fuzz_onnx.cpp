#include "exchange/from_onnx/from_onnx.h"
#include "exchange/onnx/read.h"
#include "ops/registry.h"
#include "tests/fuzz/input_file.h"

// A file of anybody's: what is read has the lengths that it states, and what is made of it is finite.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const auto model = exchange::onnx::parse_model(std::as_bytes(std::span(data, size)));
  if (!model.ok()) return 0;
  for (const exchange::onnx::Tensor& tensor : model->graph.initializers) {
    const auto count = tensor.count();
    if (size_of(tensor.type) == 0) continue;
    fuzz::require(count.ok() &&
                  static_cast<std::size_t>(*count) * size_of(tensor.type) == tensor.bytes().size());
  }
  const auto imported = exchange::from_onnx::translate(*model, ops::op_registry(), size);
  if (!imported.ok()) return 0;
  for (const weights::NamedTensor& tensor : imported->tensors)
    fuzz::require(static_cast<std::size_t>(tensor.desc.bytes()) == tensor.bytes.size());
  return 0;
}
