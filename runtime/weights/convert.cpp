#include "runtime/weights/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace graphrun::weights {
namespace {

float from_half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 31) return sign * (fraction == 0 ? INFINITY : NAN);
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

template <class T, class Convert>
void convert(std::span<const std::byte> bytes, std::span<float> out, const Convert& to_float) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T element;
    std::memcpy(&element, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = to_float(element);
  }
}

}  // namespace

void convert_to_f32(const NamedTensor& tensor, std::span<float> out) {
  switch (tensor.desc.dtype) {
    case DType::f32:
      std::ranges::copy(tensor.bytes.first(out.size_bytes()), std::as_writable_bytes(out).begin());
      return;
    case DType::f64:
      convert<double>(tensor.bytes, out, [](double x) { return static_cast<float>(x); });
      return;
    case DType::bf16:
      convert<std::uint16_t>(tensor.bytes, out,
                             [](std::uint16_t x) { return std::bit_cast<float>(std::uint32_t{x} << 16); });
      return;
    case DType::f16:
      convert<std::uint16_t>(tensor.bytes, out, from_half);
      return;
    default:
      return;
  }
}

}  // namespace graphrun::weights
