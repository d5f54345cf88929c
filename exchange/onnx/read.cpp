#include "exchange/onnx/read.h"

#include <bit>

#include "exchange/onnx/fields.h"
#include "exchange/onnx/tensor_reader.h"
#include "exchange/onnx/wire_reader.h"
#include "runtime/core/printable.h"

namespace graphrun::exchange::onnx {
namespace {

class ModelReader {
 public:
  explicit ModelReader(std::size_t file_size)
      : budget_("the messages in memory", file_size, 4, std::int64_t{64} << 20) {}

  Result<Model> model(std::span<const std::byte> message) {
    Model model;
    GRAPHRUN_TRY(for_each_field(message, [&](const Field& field) -> Status {
      switch (field.number) {
        case model_fields::kIrVersion:
          model.ir_version = field.integer();
          return {};
        case model_fields::kProducerName:
          return text(field, model.producer);
        case model_fields::kProducerVersion:
          return text(field, model.producer_version);
        case model_fields::kGraph:
          return graph(field.bytes, model.graph);
        case model_fields::kOpsetImport:
          return opset(field.bytes, model);
        case model_fields::kMetadata:
          return entry(field.bytes, model.metadata);
        case model_fields::kFunctions:
          return {ErrorCode::unsupported, "the model has functions of its own: export it with them inlined"};
        default:
          return {};
      }
    }));
    return model;
  }

 private:
  Status text(const Field& field, std::string& out) {
    GRAPHRUN_TRY(budget_.charge(field.bytes.size()));
    out = field.text();
    return {};
  }
  Status append(const Field& field, std::vector<std::string>& out) {
    GRAPHRUN_TRY(budget_.charge(sizeof(std::string)));
    return text(field, out.emplace_back());
  }
  // Room for one more element of a list that grows by doubling.
  template <class T>
  Result<T*> grow(std::vector<T>& list) {
    GRAPHRUN_TRY(budget_.charge(2 * sizeof(T)));
    return &list.emplace_back();
  }

  Status opset(std::span<const std::byte> message, Model& model) {
    std::string domain;
    std::int64_t version = 0;
    GRAPHRUN_TRY(for_each_field(message, [&](const Field& field) -> Status {
      if (field.number == opset_fields::kDomain) return text(field, domain);
      if (field.number == opset_fields::kVersion) version = field.integer();
      return {};
    }));
    GRAPHRUN_TRY(budget_.charge(kMapEntry));
    model.opsets[domain == "ai.onnx" ? "" : domain] = version;
    return {};
  }

  Status entry(std::span<const std::byte> message, std::map<std::string, std::string>& entries) {
    std::string key;
    std::string value;
    GRAPHRUN_TRY(for_each_field(message, [&](const Field& field) -> Status {
      if (field.number == entry_fields::kKey) return text(field, key);
      return field.number == entry_fields::kValue ? text(field, value) : Status();
    }));
    GRAPHRUN_TRY(budget_.charge(kMapEntry));
    entries[std::move(key)] = std::move(value);
    return {};
  }

  Status graph(std::span<const std::byte> message, Graph& graph) {
    return for_each_field(message, [&](const Field& field) -> Status {
      switch (field.number) {
        case graph_fields::kName:
          return text(field, graph.name);
        case graph_fields::kDoc:
          return text(field, graph.doc);
        case graph_fields::kNode: {
          GRAPHRUN_ASSIGN(Node* const node, grow(graph.nodes));
          return read_node(field.bytes, *node);
        }
        case graph_fields::kInitializer: {
          GRAPHRUN_ASSIGN(Tensor* const tensor, grow(graph.initializers));
          return read_tensor(field.bytes, budget_, *tensor);
        }
        case graph_fields::kInput: {
          GRAPHRUN_ASSIGN(ValueInfo* const input, grow(graph.inputs));
          return value(field.bytes, *input);
        }
        case graph_fields::kOutput: {
          GRAPHRUN_ASSIGN(ValueInfo* const output, grow(graph.outputs));
          return value(field.bytes, *output);
        }
        case graph_fields::kSparseInitializer:
          return {ErrorCode::unsupported, "the model has sparse tensors: export it with dense ones"};
        default:
          return {};
      }
    });
  }

  Status read_node(std::span<const std::byte> message, Node& node) {
    return for_each_field(message, [&](const Field& field) -> Status {
      switch (field.number) {
        case node_fields::kInput:
          return append(field, node.inputs);
        case node_fields::kOutput:
          return append(field, node.outputs);
        case node_fields::kName:
          return text(field, node.name);
        case node_fields::kOp:
          return text(field, node.op);
        case node_fields::kDomain:
          GRAPHRUN_TRY(text(field, node.domain));
          if (node.domain == "ai.onnx") node.domain.clear();
          return {};
        case node_fields::kAttribute: {
          GRAPHRUN_ASSIGN(Attribute* const attribute, grow(node.attributes));
          return read_attribute(field.bytes, *attribute);
        }
        default:
          return {};
      }
    });
  }

  // The type says which of the values counts; files of old exporters have none, and one value.
  Status read_attribute(std::span<const std::byte> message, Attribute& attribute) {
    std::int64_t type = 0;
    Values values;
    GRAPHRUN_TRY(for_each_field(message, [&](const Field& field) -> Status {
      if (field.number == attribute_fields::kName) return text(field, attribute.name);
      if (field.number == attribute_fields::kType) type = field.integer();
      return attribute_value(field, values);
    }));
    attribute.value = values.chosen(type);
    return {};
  }

  struct Values {
    std::int64_t integer = 0;
    float real = 0;
    std::string text;
    Tensor tensor;
    std::vector<std::int64_t> integers;
    std::vector<float> reals;
    std::vector<std::string> texts;
    Attribute::Value chosen(std::int64_t type) {
      switch (static_cast<AttributeType>(type)) {
        case AttributeType::real:
          return real;
        case AttributeType::integer:
          return integer;
        case AttributeType::text:
          return std::move(text);
        case AttributeType::tensor:
          return std::move(tensor);
        case AttributeType::reals:
          return std::move(reals);
        case AttributeType::integers:
          return std::move(integers);
        case AttributeType::texts:
          return std::move(texts);
      }
      return std::monostate();
    }
  };

  Status attribute_value(const Field& field, Values& values) {
    switch (field.number) {
      case attribute_fields::kFloat:
        values.real = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
        return {};
      case attribute_fields::kInteger:
        values.integer = field.integer();
        return {};
      case attribute_fields::kText:
        return text(field, values.text);
      case attribute_fields::kTensor:
        return read_tensor(field.bytes, budget_, values.tensor);
      case attribute_fields::kFloats:
        return append_reals(field, budget_, values.reals);
      case attribute_fields::kIntegers:
        return append_integers(field, budget_, values.integers);
      case attribute_fields::kTexts:
        return append(field, values.texts);
      default:
        return {};
    }
  }

  Status value(std::span<const std::byte> message, ValueInfo& info) {
    std::span<const std::byte> type;
    GRAPHRUN_TRY(for_each_field(message, [&](const Field& field) -> Status {
      if (field.number == value_fields::kName) return text(field, info.name);
      if (field.number == value_fields::kType) type = field.bytes;
      return {};
    }));
    std::span<const std::byte> tensor;
    GRAPHRUN_TRY(for_each_field(type, [&](const Field& field) -> Status {
      if (field.number == type_fields::kTensor) tensor = field.bytes;
      return {};
    }));
    info.type = ElementType{0};  // what is no tensor
    info.has_shape = false;
    return for_each_field(tensor, [&](const Field& field) -> Status {
      if (field.number == tensor_type_fields::kElement)
        info.type = static_cast<ElementType>(static_cast<std::int32_t>(field.value));
      if (field.number != tensor_type_fields::kShape) return {};
      info.has_shape = true;
      return shape(field.bytes, info.shape);
    });
  }

  Status shape(std::span<const std::byte> message, std::vector<Extent>& extents) {
    return for_each_field(message, [&](const Field& dim) -> Status {
      if (dim.number != shape_fields::kDim) return {};
      GRAPHRUN_ASSIGN(Extent* const extent, grow(extents));
      *extent = std::string();
      return for_each_field(dim.bytes, [&](const Field& field) -> Status {
        if (field.number == dim_fields::kValue) *extent = field.integer();
        if (field.number != dim_fields::kName) return {};
        std::string name;
        GRAPHRUN_TRY(text(field, name));
        *extent = std::move(name);
        return {};
      });
    });
  }

  static constexpr std::size_t kMapEntry = 128;
  ReadBudget budget_;
};

}  // namespace

Result<Model> parse_model(std::span<const std::byte> file) { return ModelReader(file.size()).model(file); }

Result<ModelFile> read_model(const std::string& path) {
  GRAPHRUN_ASSIGN(std::shared_ptr<const core::MappedFile> file, core::MappedFile::open(path));
  GRAPHRUN_ASSIGN(Model model, parse_model(file->bytes()).with_context(path));
  return ModelFile{std::move(file), std::move(model)};
}

}  // namespace graphrun::exchange::onnx
