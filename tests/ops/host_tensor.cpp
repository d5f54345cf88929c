#include "tests/ops/host_tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace graphrun::test {
namespace {

constexpr unsigned char kPoison = 0xFF;

template <class Visit>
void visit_type(DType type, const Visit& visit) {
  switch (type) {
    case DType::f32:
      return visit(float{});
    case DType::bf16:
      return visit(BFloat16{});
    case DType::f64:
      return visit(double{});
    case DType::i32:
      return visit(std::int32_t{});
    case DType::i64:
      return visit(std::int64_t{});
    case DType::u8:
      return visit(std::uint8_t{});
    case DType::s8:
      return visit(std::int8_t{});
    default:
      std::abort();
  }
}

template <class T>
T from_double(double value) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace

HostTensor HostTensor::zeros(const Shape& shape) {
  return {true, shape, std::vector<double>(static_cast<std::size_t>(shape.count()))};
}

MemoryTensor::MemoryTensor(const TensorDesc& desc) : desc_(desc) {
  const std::size_t used = (static_cast<std::size_t>(desc.bytes()) + kLine - 1) / kLine;
  lines_.resize(used + 2 * kGuardLines);
  for (Line& line : lines_) line.bytes.fill(kPoison);
}

TensorView MemoryTensor::view() { return {desc_, lines_[kGuardLines].bytes.data()}; }

std::int64_t MemoryTensor::offset(std::int64_t index) const {
  if (desc_.layout == Layout::dense) return index;
  const std::int64_t pixels = desc_.h() * desc_.w();
  const std::int64_t channel = index / pixels % desc_.c();
  const std::int64_t pixel = index / pixels / desc_.c() * pixels + index % pixels;
  return pixel * desc_.pixel_stride + channel;
}

void MemoryTensor::write(const HostTensor& values) {
  if (static_cast<std::int64_t>(values.values.size()) != desc_.shape.count()) std::abort();
  visit_type(desc_.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* const memory = view().as<T>();
    for (std::size_t i = 0; i < values.values.size(); ++i) {
      memory[offset(static_cast<std::int64_t>(i))] = from_double<T>(values.values[i]);
    }
  });
}

HostTensor MemoryTensor::read() const {
  HostTensor result = HostTensor::zeros(desc_.shape);
  visit_type(desc_.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      T value;
      std::memcpy(&value, data() + static_cast<std::size_t>(offset(static_cast<std::int64_t>(i))) * sizeof(T),
                  sizeof(T));
      result.values[i] = static_cast<double>(value);
    }
  });
  return result;
}

bool MemoryTensor::gaps_untouched() const {
  const std::size_t size = size_of(desc_.dtype);
  const std::span<const unsigned char> all(lines_.front().bytes.data(), lines_.size() * kLine);
  std::size_t checked = 0;  // bytes, from the front
  const auto untouched_up_to = [&](std::size_t end) {
    const auto gap = all.subspan(checked, end - checked);
    return std::ranges::all_of(gap, [](unsigned char byte) { return byte == kPoison; });
  };
  const bool dense = desc_.layout == Layout::dense;
  const std::size_t run = size * static_cast<std::size_t>(dense ? desc_.shape.count() : desc_.c());
  const std::int64_t runs = desc_.shape.count() == 0 ? 0 : dense ? 1 : desc_.pixels();
  for (std::int64_t i = 0; i < runs; ++i) {
    const std::size_t first = kGuardLines * kLine + static_cast<std::size_t>(i * desc_.pixel_stride) * size;
    if (!untouched_up_to(first)) return false;
    checked = first + run;
  }
  return untouched_up_to(all.size());
}

bool MemoryTensor::same_bits(const MemoryTensor& other) const {
  return desc_ == other.desc_ &&
         std::memcmp(lines_.data(), other.lines_.data(), lines_.size() * sizeof(Line)) == 0;
}

}  // namespace graphrun::test
