#include "runtime/weights/quantised.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>

namespace graphrun::weights {
namespace {

constexpr std::string_view kActivation = "activation ";

// "0.023529412 0"
std::string text_of(const Quantisation& q) {
  constexpr std::size_t kLongest = 64;
  char text[kLongest];
  const auto end = std::to_chars(text, text + kLongest, q.scale).ptr;
  return std::string(text, end) + " " + std::to_string(q.zero_point);
}

bool read(std::string_view text, Quantisation& q) {
  const char* const end = text.data() + text.size();
  const auto scale = std::from_chars(text.data(), end, q.scale);
  if (scale.ec != std::errc() || scale.ptr == end || *scale.ptr != ' ') return false;
  const auto zero = std::from_chars(scale.ptr + 1, end, q.zero_point);
  return zero.ec == std::errc() && zero.ptr == end && std::isnormal(q.scale) && q.scale > 0 &&
         q.zero_point >= 0 && q.zero_point <= std::numeric_limits<std::uint8_t>::max();
}

}  // namespace

std::map<std::string, std::string> activation_metadata(const ActivationScales& activations) {
  std::map<std::string, std::string> metadata;
  for (const auto& [path, q] : activations) metadata[std::string(kActivation) + path] = text_of(q);
  return metadata;
}

Result<ActivationScales> read_activations(const std::map<std::string, std::string>& metadata) {
  ActivationScales activations;
  for (auto entry = metadata.lower_bound(std::string(kActivation));
       entry != metadata.end() && entry->first.starts_with(kActivation); ++entry) {
    Quantisation q;
    if (!read(entry->second, q)) {
      return {ErrorCode::invalid_file, "metadata " + quoted(entry->first) + ": " + quoted(entry->second) +
                                           " is not a positive scale and a zero point of 0 to 255"};
    }
    activations.emplace(entry->first.substr(kActivation.size()), q);
  }
  return activations;
}

Status check_names(const ActivationScales& activations, const model::Model& model) {
  const model::Method* const method = model.method(model::methods::kEval);
  if (method == nullptr) return {};
  std::set<std::string_view> known;
  for (const model::Value& value : method->values) {
    if (value.origin == model::Origin::input) known.insert(value.name);
  }
  for (const Node& node : method->nodes) known.insert(node.path);
  const auto is_known = [&](std::string_view name) {
    while (!known.contains(name)) {
      const std::size_t end = name.rfind('.');
      if (end == std::string_view::npos) return false;
      name = name.substr(0, end);
    }
    return true;
  };
  for (const auto& [name, q] : activations) {
    if (is_known(name)) continue;
    return {ErrorCode::invalid_file, "metadata " + quoted(std::string(kActivation) + name) +
                                         ": the network has no such activation; were the weights quantised "
                                         "with another graph?"};
  }
  return {};
}

const float* scales_of(const TensorFile& file, const NamedTensor& tensor) {
  if (tensor.desc.dtype != DType::s8 || tensor.desc.shape.rank() == 0) return nullptr;
  const NamedTensor* const scales = file.find(tensor.name + std::string(kScaleSuffix));
  const bool fits = scales != nullptr && scales->desc.dtype == DType::f32 && scales->desc.shape.rank() == 1 &&
                    scales->desc.shape[0] == tensor.desc.shape[0];
  return fits ? reinterpret_cast<const float*>(scales->bytes.data()) : nullptr;
}

Status check_scales(const NamedTensor& tensor, const float* scales) {
  constexpr float kLargest = std::numeric_limits<float>::max() / 128;
  for (std::int64_t i = 0; i < tensor.desc.shape[0]; ++i) {
    if (std::isnormal(scales[i]) && scales[i] > 0 && scales[i] <= kLargest) continue;
    return {ErrorCode::invalid_file, "tensor " + quoted(tensor.name + std::string(kScaleSuffix)) + " has " +
                                         std::to_string(scales[i]) + " at " + std::to_string(i) +
                                         "; a scale is a positive number"};
  }
  return {};
}

bool is_scales(const TensorFile& file, const NamedTensor& tensor) {
  if (!tensor.name.ends_with(kScaleSuffix)) return false;
  const NamedTensor* const of =
      file.find(std::string_view(tensor.name).substr(0, tensor.name.size() - kScaleSuffix.size()));
  return of != nullptr && scales_of(file, *of) != nullptr;
}

void widen(std::span<const std::int8_t> integers, std::int64_t channels, const float* scales, float* to) {
  if (integers.empty()) return;
  const std::size_t row = integers.size() / static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < integers.size(); ++i) to[i] = scales[i / row] * static_cast<float>(integers[i]);
}

}  // namespace graphrun::weights
