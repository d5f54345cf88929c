#include "runtime/weights/quantised_file.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>

namespace graphrun::weights {
namespace {

bool is_exact(const NamedTensor& tensor) {
  const auto* const values = reinterpret_cast<const float*>(tensor.bytes.data());
  return std::all_of(values, values + tensor.desc.shape.count(),
                     [](float value) { return static_cast<float>(BFloat16(value)) == value; });
}

}  // namespace

void store_in_bf16(NamedTensor& tensor, NarrowTensors& narrow) {
  const auto* const values = reinterpret_cast<const float*>(tensor.bytes.data());
  const auto& stored = narrow.emplace_back(values, values + tensor.desc.shape.count());
  tensor.desc.dtype = DType::bf16;
  tensor.bytes = std::as_bytes(std::span(stored));
}

void align_tensors(std::vector<NamedTensor>& tensors) {
  std::ranges::stable_sort(tensors, std::ranges::greater(),
                           [](const NamedTensor& tensor) { return size_of(tensor.desc.dtype); });
}

void store_quantised(const Weights& weights, const model::Model& model, WideMaps wide,
                     std::vector<NamedTensor>& tensors, std::map<std::string, std::string>& metadata,
                     NarrowTensors& narrow) {
  std::map<std::string_view, const TensorView*> eight_bits;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (weights.quantised().variables[i]) eight_bits[model.variables[i].name] = &weights.eight_bits(i);
  }
  std::vector<NamedTensor> scales;
  for (NamedTensor& tensor : tensors) {
    const auto found = eight_bits.find(tensor.name);
    if (found == eight_bits.end()) {
      const bool map = tensor.desc.shape.rank() >= 2;
      if (map && (wide == WideMaps::rounded || is_exact(tensor))) store_in_bf16(tensor, narrow);
      continue;
    }
    const TensorView& view = *found->second;
    tensor.desc = view.desc;
    tensor.bytes = {static_cast<const std::byte*>(view.data), static_cast<std::size_t>(view.desc.bytes())};
    const auto channels = static_cast<std::size_t>(view.desc.shape[0]);
    scales.push_back({tensor.name + std::string(kScaleSuffix),
                      TensorDesc::dense(DType::f32, {view.desc.shape[0]}),
                      std::as_bytes(std::span(view.channel_scales, channels))});
  }
  tensors.insert(tensors.end(), scales.begin(), scales.end());
  align_tensors(tensors);
  metadata.merge(activation_metadata(weights.quantised().activations));
}

}  // namespace graphrun::weights
