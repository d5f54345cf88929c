#include "exchange/from_onnx/value.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "graphrun/bfloat16.h"

namespace graphrun::exchange::from_onnx {
namespace {

// IEEE binary16: 1 bit sign, 5 exponent with an offset of 15, 10 fraction.
float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

// Each element as T, as it lies in the file, which may be anywhere.
template <class T, class Take>
void for_each_element(std::span<const std::byte> bytes, const Take& take) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T element;
    std::memcpy(&element, bytes.data() + at, sizeof element);
    take(element);
  }
}

std::string type_text(const onnx::Tensor& tensor) { return std::string(onnx::to_string(tensor.type)); }

}  // namespace

Result<std::vector<float>> reals_of(const onnx::Tensor& tensor) {
  std::vector<float> values;
  const auto append = [&values](auto element) { values.push_back(static_cast<float>(element)); };
  const std::span<const std::byte> bytes = tensor.bytes();
  switch (tensor.type) {
    case onnx::ElementType::f32:
      values.resize(bytes.size() / sizeof(float));
      if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
      return values;
    case onnx::ElementType::f64:
      for_each_element<double>(bytes, append);
      return values;
    case onnx::ElementType::f16:
      for_each_element<std::uint16_t>(bytes, [&](std::uint16_t bits) { append(from_half(bits)); });
      return values;
    case onnx::ElementType::bf16:
      for_each_element<BFloat16>(bytes, append);
      return values;
    default:
      return {ErrorCode::unsupported,
              "a tensor of " + type_text(tensor) + " where real numbers are expected"};
  }
}

Result<std::vector<float>> numbers_of(const onnx::Tensor& tensor) {
  std::vector<float> values;
  const std::span<const std::byte> bytes = tensor.bytes();
  const auto append = [&values](auto element) { values.push_back(static_cast<float>(element)); };
  values.reserve(bytes.size() / std::max<std::size_t>(1, onnx::size_of(tensor.type)));
  switch (tensor.type) {
    case onnx::ElementType::u8:
      for_each_element<std::uint8_t>(bytes, append);
      return values;
    case onnx::ElementType::i8:
      for_each_element<std::int8_t>(bytes, append);
      return values;
    case onnx::ElementType::i32:
      for_each_element<std::int32_t>(bytes, append);
      return values;
    default:
      return {ErrorCode::unsupported,
              "integers of " + type_text(tensor) + "; int8, uint8 and int32 are known"};
  }
}

Result<Integers> integers_of(const onnx::Tensor& tensor) {
  constexpr std::size_t kMaxBytes = kMaxIntegers * sizeof(std::int64_t);
  Integers integers;
  integers.is_scalar = tensor.dims.empty();
  const auto append = [&integers](auto element) {
    integers.elements.emplace_back(static_cast<std::int64_t>(element));
  };
  if (tensor.dims.size() > 1 || tensor.bytes().size() > kMaxBytes)
    return {ErrorCode::unsupported, "more integers than a shape has"};
  if (tensor.type == onnx::ElementType::i64) {
    for_each_element<std::int64_t>(tensor.bytes(), append);
  } else if (tensor.type == onnx::ElementType::i32) {
    for_each_element<std::int32_t>(tensor.bytes(), append);
  } else {
    return {ErrorCode::unsupported, "a tensor of " + type_text(tensor) + " where integers are expected"};
  }
  return integers;
}

onnx::Tensor tensor_of(const std::vector<float>& values, std::vector<std::int64_t> dims) {
  const auto bytes = std::as_bytes(std::span(values));
  return {{}, onnx::ElementType::f32, std::move(dims), std::vector<std::byte>(bytes.begin(), bytes.end())};
}

onnx::Tensor with_dims(const onnx::Tensor& tensor, std::vector<std::int64_t> dims) {
  return {{}, tensor.type, std::move(dims), tensor.bytes()};
}

}  // namespace graphrun::exchange::from_onnx
