#include "runtime/session/nonfinite.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace graphrun::session {
namespace {

double element(DType dtype, const std::byte* data, std::int64_t index) {
  const auto read = [&]<class T>(T value) {
    std::memcpy(&value, data + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    return value;
  };
  constexpr std::uint16_t kHalfExponent = 0x7c00;
  switch (dtype) {
    case DType::f32:
      return static_cast<double>(read(float()));
    case DType::f64:
      return read(double());
    case DType::bf16:
      return static_cast<double>(std::bit_cast<float>(std::uint32_t{read(std::uint16_t())} << 16));
    case DType::f16:
      return (read(std::uint16_t()) & kHalfExponent) == kHalfExponent ? std::nan("")
                                                                      : 0;  // an infinity reads as NaN
    default:
      return 0;
  }
}

// Elements from the first to the one at `index` of the logical order.
std::int64_t offset_of(const TensorDesc& desc, std::int64_t index) {
  if (desc.layout == Layout::dense) return index;
  const std::int64_t plane = desc.h() * desc.w();
  const std::int64_t image = index / (desc.c() * plane);
  const std::int64_t channel = index / plane % desc.c();
  return (image * plane + index % plane) * desc.pixel_stride + channel;
}

std::string place(const Shape& shape, std::int64_t index) {
  Shape at = shape;
  for (int axis = shape.rank(); axis-- > 0;) {
    at[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return to_string(at);
}

}  // namespace

Result<std::string> describe_nonfinite(const TensorView& view, model::Backend& backend) {
  if (!is_real(view.desc.dtype)) return std::string();
  const auto* data = static_cast<const std::byte*>(view.data);
  std::vector<std::byte> staged;
  if (!backend.is_host()) {
    staged.resize(static_cast<std::size_t>(view.desc.bytes()));
    GRAPHRUN_TRY(backend.copy_to_host(staged.data(), view.data, view.desc.bytes()));
    data = staged.data();
  }
  const std::int64_t count = view.desc.shape.count();
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = element(view.desc.dtype, data, offset_of(view.desc, i));
    if (std::isfinite(value)) continue;
    return std::string(std::isnan(value) ? "nan"
                       : value < 0       ? "-inf"
                                         : "inf") +
           " at " + place(view.desc.shape, i) + " of " + to_string(view.desc.shape);
  }
  return std::string();
}

void NonFiniteFinder::after(const StepView& step) {
  for (std::size_t i = 0; i < step.outputs.size() && found_.empty() && status_.ok(); ++i) {
    if (step.outputs[i].data == nullptr) continue;
    const Result<std::string> text = describe_nonfinite(step.outputs[i], backend_);
    if (!text.ok()) {
      status_ = text.status();
    } else if (!text->empty()) {
      found_ = std::string(step.def.outputs[i].name) + " of " + std::string(step.path) + " (" +
               std::string(step.def.name) + "): " + *text;
    }
  }
}

}  // namespace graphrun::session
