#include "runtime/weights/quantised_file.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>

namespace graphrun::weights {

void align_tensors(std::vector<NamedTensor>& tensors) {
  std::ranges::stable_sort(tensors, std::ranges::greater(),
                           [](const NamedTensor& tensor) { return size_of(tensor.desc.dtype); });
}

void store_quantised(const Weights& weights, const model::Model& model, std::vector<NamedTensor>& tensors,
                     std::map<std::string, std::string>& metadata) {
  std::map<std::string_view, const TensorView*> narrow;
  for (std::size_t i = 0; i < model.variables.size(); ++i) {
    if (weights.quantised().variables[i]) narrow[model.variables[i].name] = &weights.eight_bits(i);
  }
  std::vector<NamedTensor> scales;
  for (NamedTensor& tensor : tensors) {
    const auto found = narrow.find(tensor.name);
    if (found == narrow.end()) continue;
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
