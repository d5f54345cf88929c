#include "exchange/onnx/write.h"

#include "exchange/onnx/fields.h"
#include "exchange/onnx/wire.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/checked.h"

namespace graphrun::exchange::onnx {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // C++20 needs none, but clang 14 does

Result<std::int64_t> content_bytes(const Tensor& tensor) {
  GRAPHRUN_ASSIGN(const std::int64_t count, tensor.count());
  const auto bytes = core::checked_mul(count, static_cast<std::int64_t>(size_of(tensor.type)));
  if (!bytes || *bytes > kMaxModelBytes)
    return {ErrorCode::unsupported, "a tensor of more than 2 GiB does not fit into an ONNX file"};
  return *bytes;
}

// Everything of the tensor but its content, which comes last.
Result<Message> tensor_head(const Tensor& tensor) {
  GRAPHRUN_ASSIGN(const std::int64_t bytes, content_bytes(tensor).with_context(tensor.name));
  Message message;
  for (const std::int64_t dim : tensor.dims) message.integer(tensor_fields::kDims, dim);
  message.integer(tensor_fields::kType, static_cast<std::int64_t>(tensor.type));
  message.text(tensor_fields::kName, tensor.name);
  message.announce(tensor_fields::kRaw, static_cast<std::uint64_t>(bytes));
  return message;
}

void add_value(Message& message, const Attribute& attribute) {
  const auto typed = [&message](AttributeType type) {
    message.integer(attribute_fields::kType, static_cast<std::int64_t>(type));
  };
  std::visit(Overloaded{[](std::monostate) {},
                        [&](std::int64_t value) {
                          message.integer(attribute_fields::kInteger, value);
                          typed(AttributeType::integer);
                        },
                        [&](float value) {
                          message.real(attribute_fields::kFloat, value);
                          typed(AttributeType::real);
                        },
                        [&](const std::string& value) {
                          message.text(attribute_fields::kText, value);
                          typed(AttributeType::text);
                        },
                        [](const Tensor&) {},  // constants are initializers
                        [&](const std::vector<std::int64_t>& values) {
                          for (const std::int64_t value : values)
                            message.integer(attribute_fields::kIntegers, value);
                          typed(AttributeType::integers);
                        },
                        [&](const std::vector<float>& values) {
                          for (const float value : values) message.real(attribute_fields::kFloats, value);
                          typed(AttributeType::reals);
                        },
                        [&](const std::vector<std::string>& values) {
                          for (const std::string& value : values)
                            message.text(attribute_fields::kTexts, value);
                          typed(AttributeType::texts);
                        }},
             attribute.value);
}

Message node_message(const Node& node) {
  Message message;
  for (const std::string& input : node.inputs) message.text(node_fields::kInput, input);
  for (const std::string& output : node.outputs) message.text(node_fields::kOutput, output);
  message.text(node_fields::kName, node.name);
  message.text(node_fields::kOp, node.op);
  for (const Attribute& attribute : node.attributes) {
    Message inner;
    inner.text(attribute_fields::kName, attribute.name);
    add_value(inner, attribute);
    message.message(node_fields::kAttribute, inner);
  }
  if (!node.domain.empty()) message.text(node_fields::kDomain, node.domain);
  return message;
}

Message value_message(const ValueInfo& value) {
  Message shape;
  for (const Extent& extent : value.shape) {
    Message dim;
    if (const auto* number = std::get_if<std::int64_t>(&extent)) dim.integer(dim_fields::kValue, *number);
    if (const auto* name = std::get_if<std::string>(&extent); name != nullptr && !name->empty())
      dim.text(dim_fields::kName, *name);
    shape.message(shape_fields::kDim, dim);
  }
  Message tensor;
  tensor.integer(tensor_type_fields::kElement, static_cast<std::int64_t>(value.type));
  if (value.has_shape) tensor.message(tensor_type_fields::kShape, shape);
  Message type;
  type.message(type_fields::kTensor, tensor);
  Message message;
  message.text(value_fields::kName, value.name);
  message.message(value_fields::kType, type);
  return message;
}

// The graph without its initializers.
Message graph_head(const Graph& graph) {
  Message message;
  for (const Node& node : graph.nodes) message.message(graph_fields::kNode, node_message(node));
  message.text(graph_fields::kName, graph.name);
  if (!graph.doc.empty()) message.text(graph_fields::kDoc, graph.doc);
  for (const ValueInfo& input : graph.inputs) message.message(graph_fields::kInput, value_message(input));
  for (const ValueInfo& output : graph.outputs) message.message(graph_fields::kOutput, value_message(output));
  return message;
}

// The model without its graph.
Message model_head(const Model& model) {
  Message message;
  message.integer(model_fields::kIrVersion, model.ir_version);
  message.text(model_fields::kProducerName, model.producer);
  message.text(model_fields::kProducerVersion, model.producer_version);
  for (const auto& [domain, version] : model.opsets) {
    Message opset;
    opset.text(opset_fields::kDomain, domain);
    opset.integer(opset_fields::kVersion, version);
    message.message(model_fields::kOpsetImport, opset);
  }
  for (const auto& [key, value] : model.metadata) {
    Message entry;
    entry.text(entry_fields::kKey, key);
    entry.text(entry_fields::kValue, value);
    message.message(model_fields::kMetadata, entry);
  }
  return message;
}

// Small pieces are written together.
class BufferedFile {
 public:
  explicit BufferedFile(core::AtomicFile file) : file_(std::move(file)) {}

  Status write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > kBufferBytes) {
      GRAPHRUN_TRY(flush());
      if (bytes.size() > kBufferBytes) return file_.write(bytes);
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Status write(const Message& message) { return write(std::as_bytes(std::span(message.bytes()))); }
  Status commit() {
    GRAPHRUN_TRY(flush());
    return file_.commit();
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  Status flush() {
    Status status = file_.write(std::span<const std::byte>(buffer_));
    buffer_.clear();
    return status;
  }
  core::AtomicFile file_;
  std::vector<std::byte> buffer_;
};

Status write_content(const Tensor& tensor, BufferedFile& file) {
  const auto* later = std::get_if<WrittenLater>(&tensor.content);
  if (later == nullptr) return file.write(tensor.bytes());
  GRAPHRUN_ASSIGN(std::int64_t left, content_bytes(tensor));
  GRAPHRUN_TRY(later->write([&](std::span<const std::byte> piece) {
    left -= static_cast<std::int64_t>(piece.size());
    return file.write(piece);
  }));
  if (left != 0) return {ErrorCode::internal, tensor.name + ": content of another length than announced"};
  return {};
}

}  // namespace

Status write_model(const Model& model, const std::string& path) {
  const Message graph = graph_head(model.graph);
  std::vector<Message> heads;
  auto graph_bytes = static_cast<std::int64_t>(graph.bytes().size());
  for (const Tensor& tensor : model.graph.initializers) {
    GRAPHRUN_ASSIGN(const Message head, tensor_head(tensor));
    GRAPHRUN_ASSIGN(const std::int64_t bytes, content_bytes(tensor));
    Message announced;
    announced.announce(graph_fields::kInitializer, head.bytes().size() + static_cast<std::uint64_t>(bytes));
    graph_bytes += static_cast<std::int64_t>(announced.bytes().size() + head.bytes().size()) + bytes;
    if (graph_bytes > kMaxModelBytes)
      return {ErrorCode::unsupported, path + ": an ONNX file ends at 2 GiB, and this one would be longer"};
    heads.push_back(std::move(announced));
    heads.push_back(head);
  }
  Message head = model_head(model);
  head.announce(model_fields::kGraph, static_cast<std::uint64_t>(graph_bytes));
  if (graph_bytes + static_cast<std::int64_t>(head.bytes().size()) > kMaxModelBytes)
    return {ErrorCode::unsupported, path + ": an ONNX file ends at 2 GiB, and this one would be longer"};
  GRAPHRUN_ASSIGN(core::AtomicFile atomic, core::AtomicFile::create(path));
  BufferedFile file(std::move(atomic));
  GRAPHRUN_TRY(file.write(head));
  GRAPHRUN_TRY(file.write(graph));
  for (std::size_t i = 0; i < model.graph.initializers.size(); ++i) {
    GRAPHRUN_TRY(file.write(heads[2 * i]));
    GRAPHRUN_TRY(file.write(heads[2 * i + 1]));
    GRAPHRUN_TRY(write_content(model.graph.initializers[i], file));
  }
  return file.commit();
}

}  // namespace graphrun::exchange::onnx
