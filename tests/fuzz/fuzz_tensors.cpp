#include "runtime/weights/tensor_file.h"
#include "tests/fuzz/input_file.h"

// A file of weights of any kind: safetensors, .pth in both forms. Every byte of what is taken can be read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  const auto file = weights::TensorFile::open(input.path());
  if (!file.ok()) return 0;
  unsigned sum = 0;
  for (const weights::NamedTensor& tensor : (*file)->tensors()) {
    fuzz::require(static_cast<std::int64_t>(tensor.bytes.size()) == tensor.desc.bytes());
    for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
  }
  static volatile unsigned kept;
  kept = sum;
  return 0;
}
