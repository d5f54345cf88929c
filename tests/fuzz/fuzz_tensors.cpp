#include <cmath>

#include "runtime/weights/quantised.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/tensor_file.h"
#include "tests/fuzz/input_file.h"

// A file of weights of any kind: safetensors, .pth in both forms; as it is, and for a model. Every byte of
// what is taken can be read, weights in 8 bits have all their scales, and as safetensors it is taken again.
namespace {

using namespace graphrun;

unsigned sum_of(const weights::TensorFile& file) {
  unsigned sum = 0;
  for (const weights::NamedTensor& tensor : file.tensors()) {
    fuzz::require(static_cast<std::int64_t>(tensor.bytes.size()) == tensor.desc.bytes());
    fuzz::require(file.find(tensor.name) == &tensor);
    for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
  }
  return sum;
}

void widen_all(const weights::TensorFile& file) {
  if (const auto read = weights::read_activations(file.metadata()); read.ok()) {
    const auto again = weights::read_activations(weights::activation_metadata(*read));
    fuzz::require(again.ok() && again->size() == read->size());
  }
  for (const weights::NamedTensor& tensor : file.tensors()) {
    const float* const scales = weights::scales_of(file, tensor);
    if (scales == nullptr) continue;
    fuzz::require(weights::is_scales(file, *file.find(tensor.name + std::string(weights::kScaleSuffix))));
    std::vector<float> wide(tensor.bytes.size());
    weights::widen({reinterpret_cast<const std::int8_t*>(tensor.bytes.data()), tensor.bytes.size()},
                   tensor.desc.shape[0], scales, wide.data());
    if (!weights::check_scales(tensor, scales).ok()) continue;
    for (const float real : wide) fuzz::require(std::isfinite(real));
  }
}

void write_and_read(const weights::TensorFile& file) {
  std::string written;
  const auto sink = [&](std::span<const std::byte> bytes) {
    written.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Status();
  };
  if (!weights::emit_safetensors(file.tensors(), file.metadata(), sink).ok())
    return;  // names that are not UTF-8
  const auto again = weights::read_safetensors(std::as_bytes(std::span(written)));
  fuzz::require(again.ok() && again->tensors.size() == file.tensors().size());
  fuzz::require(again->metadata == file.metadata());
  for (std::size_t i = 0; i < again->tensors.size(); ++i)
    fuzz::require(again->tensors[i].name == file.tensors()[i].name &&
                  again->tensors[i].desc == file.tensors()[i].desc);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile input(data, size);
  unsigned sum = 0;
  if (const auto file = weights::TensorFile::open(input.path()); file.ok()) {
    sum += sum_of(**file);
    widen_all(**file);
    write_and_read(**file);
  }
  weights::TensorChoice choice;
  choice.wants = [](std::string_view name) { return name == "weight" || name.ends_with(".weight"); };
  for (const char* key : {"", "model"}) {
    choice.key = key;
    if (const auto file = weights::TensorFile::open(input.path(), choice); file.ok()) sum += sum_of(**file);
  }
  choice.key.clear();
  choice.strip = "module";
  (void)weights::TensorFile::open(input.path(), choice).ok();
  const volatile unsigned kept = sum;
  (void)kept;
  return 0;
}
