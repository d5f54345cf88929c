#include "exchange/onnx/model.h"

#include "runtime/core/checked.h"

namespace graphrun::exchange::onnx {

std::size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
    case ElementType::boolean:
      return 1;
    case ElementType::u16:
    case ElementType::i16:
    case ElementType::f16:
    case ElementType::bf16:
      return 2;
    case ElementType::f32:
    case ElementType::i32:
    case ElementType::u32:
      return 4;
    case ElementType::i64:
    case ElementType::f64:
    case ElementType::u64:
      return 8;
    case ElementType::text:
      break;
  }
  return 0;
}

std::string_view to_string(ElementType type) {
  switch (type) {
    case ElementType::f32:
      return "float";
    case ElementType::u8:
      return "uint8";
    case ElementType::i8:
      return "int8";
    case ElementType::u16:
      return "uint16";
    case ElementType::i16:
      return "int16";
    case ElementType::i32:
      return "int32";
    case ElementType::i64:
      return "int64";
    case ElementType::text:
      return "string";
    case ElementType::boolean:
      return "bool";
    case ElementType::f16:
      return "float16";
    case ElementType::f64:
      return "double";
    case ElementType::u32:
      return "uint32";
    case ElementType::u64:
      return "uint64";
    case ElementType::bf16:
      return "bfloat16";
  }
  return "an unknown element type";
}

Result<std::int64_t> Tensor::count() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims) {
    const auto next = dim < 0 ? std::nullopt : core::checked_mul(product, dim);
    if (!next) return {ErrorCode::invalid_file, "the dims are no shape of a tensor"};
    product = *next;
  }
  return product;
}

std::span<const std::byte> Tensor::bytes() const {
  if (const auto* view = std::get_if<std::span<const std::byte>>(&content)) return *view;
  if (const auto* own = std::get_if<std::vector<std::byte>>(&content)) return *own;
  return {};
}

}  // namespace graphrun::exchange::onnx
