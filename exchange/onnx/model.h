#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graphrun/status.h"

// An ONNX model as data (github.com/onnx/onnx, docs/IR.md): as much of the format as graphs of one file have.
// Fields of the format that are not here are not written, and left alone where a file has them.
namespace graphrun::exchange::onnx {

// TensorProto.DataType.
enum class ElementType : std::int32_t {
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  text = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
};
// Bytes of an element; 0 for text and types that are not listed.
std::size_t size_of(ElementType type);
// "float", "uint8": as the format's documents call it.
std::string_view to_string(ElementType type);

using Sink = std::function<Status(std::span<const std::byte>)>;

// Content that is made while it is written, a piece after the other, so that it is never in memory whole.
struct WrittenLater {
  std::function<Status(const Sink&)> write;
};

struct Tensor {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<std::int64_t> dims;
  // Row-major, little endian: somebody else's memory, own memory, or none yet.
  std::variant<std::span<const std::byte>, std::vector<std::byte>, WrittenLater> content;

  // Number of elements; empty where a dim is negative or the product does not fit 64 bits.
  Result<std::int64_t> count() const;
  // Precondition: content is in memory.
  std::span<const std::byte> bytes() const;
};

struct Attribute {
  // ONNX has one float and one integer type for attributes. std::monostate: of a kind that is not read, such
  // as a graph (If, Loop).
  using Value = std::variant<std::monostate, std::int64_t, float, std::string, Tensor,
                             std::vector<std::int64_t>, std::vector<float>, std::vector<std::string>>;
  std::string name;
  Value value;
};

struct Node {
  std::string op;
  std::vector<std::string> inputs;  // an empty name: absent
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
  std::string name;
  std::string domain;  // empty: ONNX's own
};

// An extent that is a number, or a name for one that is not known ("N"; empty: nothing is said).
using Extent = std::variant<std::int64_t, std::string>;

struct ValueInfo {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<Extent> shape;
  bool has_shape = true;
};

struct Graph {
  std::string name;
  std::string doc;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
};

struct Model {
  std::int64_t ir_version = 8;  // what came with opset 17
  std::string producer;
  std::string producer_version;
  std::map<std::string, std::int64_t> opsets;  // by domain
  std::map<std::string, std::string> metadata;
  Graph graph;
};

}  // namespace graphrun::exchange::onnx
