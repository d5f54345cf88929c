#pragma once

#include <cstdint>

// The numbers of the fields of ONNX's messages (github.com/onnx/onnx, onnx/onnx.proto3), those that are
// written or read here.
namespace graphrun::exchange::onnx {

namespace model_fields {
inline constexpr std::uint32_t kIrVersion = 1;
inline constexpr std::uint32_t kProducerName = 2;
inline constexpr std::uint32_t kProducerVersion = 3;
inline constexpr std::uint32_t kGraph = 7;
inline constexpr std::uint32_t kOpsetImport = 8;
inline constexpr std::uint32_t kMetadata = 14;
inline constexpr std::uint32_t kFunctions = 25;
}  // namespace model_fields

namespace opset_fields {
inline constexpr std::uint32_t kDomain = 1;
inline constexpr std::uint32_t kVersion = 2;
}  // namespace opset_fields

namespace entry_fields {
inline constexpr std::uint32_t kKey = 1;
inline constexpr std::uint32_t kValue = 2;
}  // namespace entry_fields

namespace graph_fields {
inline constexpr std::uint32_t kNode = 1;
inline constexpr std::uint32_t kName = 2;
inline constexpr std::uint32_t kInitializer = 5;
inline constexpr std::uint32_t kDoc = 10;
inline constexpr std::uint32_t kInput = 11;
inline constexpr std::uint32_t kOutput = 12;
inline constexpr std::uint32_t kSparseInitializer = 15;
}  // namespace graph_fields

namespace node_fields {
inline constexpr std::uint32_t kInput = 1;
inline constexpr std::uint32_t kOutput = 2;
inline constexpr std::uint32_t kName = 3;
inline constexpr std::uint32_t kOp = 4;
inline constexpr std::uint32_t kAttribute = 5;
inline constexpr std::uint32_t kDomain = 7;
}  // namespace node_fields

namespace attribute_fields {
inline constexpr std::uint32_t kName = 1;
inline constexpr std::uint32_t kFloat = 2;
inline constexpr std::uint32_t kInteger = 3;
inline constexpr std::uint32_t kText = 4;
inline constexpr std::uint32_t kTensor = 5;
inline constexpr std::uint32_t kFloats = 7;
inline constexpr std::uint32_t kIntegers = 8;
inline constexpr std::uint32_t kTexts = 9;
inline constexpr std::uint32_t kType = 20;
}  // namespace attribute_fields

// AttributeProto.AttributeType.
enum class AttributeType : std::uint8_t {
  real = 1,
  integer = 2,
  text = 3,
  tensor = 4,
  reals = 6,
  integers = 7,
  texts = 8
};

namespace tensor_fields {
inline constexpr std::uint32_t kDims = 1;
inline constexpr std::uint32_t kType = 2;
inline constexpr std::uint32_t kFloats = 4;
inline constexpr std::uint32_t kInt32s = 5;
inline constexpr std::uint32_t kInt64s = 7;
inline constexpr std::uint32_t kName = 8;
inline constexpr std::uint32_t kRaw = 9;
inline constexpr std::uint32_t kDoubles = 10;
inline constexpr std::uint32_t kUint64s = 11;
inline constexpr std::uint32_t kExternal = 13;
inline constexpr std::uint32_t kLocation = 14;
}  // namespace tensor_fields

namespace value_fields {
inline constexpr std::uint32_t kName = 1;
inline constexpr std::uint32_t kType = 2;
}  // namespace value_fields

namespace type_fields {
inline constexpr std::uint32_t kTensor = 1;
}
namespace tensor_type_fields {
inline constexpr std::uint32_t kElement = 1;
inline constexpr std::uint32_t kShape = 2;
}  // namespace tensor_type_fields
namespace shape_fields {
inline constexpr std::uint32_t kDim = 1;
}
namespace dim_fields {
inline constexpr std::uint32_t kValue = 1;
inline constexpr std::uint32_t kName = 2;
}  // namespace dim_fields

}  // namespace graphrun::exchange::onnx
