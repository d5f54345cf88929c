#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/model/parse_pools.h"
#include "runtime/model/resolve.h"
#include "runtime/model/upgrade.h"
#include "runtime/model/validate.h"

namespace graphrun::model {
namespace {

// The depth of tables in program.fbs with room for its growth, and what a model of kMaxNodes could use.
constexpr flatbuffers::uoffset_t kMaxTableDepth = 16;
constexpr flatbuffers::uoffset_t kMaxTables = 1U << 18;

// Copies a verified buffer into a Model. Resolves references and bounds memory; what the model means is
// validate()'s business.
class Parser {
 public:
  Parser(const fb::Model& file, std::int64_t file_bytes) : file_(file), pools_(file, file_bytes) {}

  Result<Model> run() {
    if (file_.version() < kOldestFormatVersion || file_.version() > kFormatVersion) {
      return bad_file("format version " + std::to_string(file_.version()) + "; this program reads versions " +
                      std::to_string(kOldestFormatVersion) + " to " + std::to_string(kFormatVersion));
    }
    GRAPHRUN_TRY(pools_.read());
    GRAPHRUN_TRY(read_head());
    GRAPHRUN_TRY(read_inputs());
    GRAPHRUN_TRY(read_variables());
    GRAPHRUN_TRY(pools_.charge(count(file_.methods()), sizeof(Method)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.methods()); ++i) {
      GRAPHRUN_TRY(read_method(*file_.methods()->Get(i)).with_context("method " + std::to_string(i)));
    }
    GRAPHRUN_TRY(read_signature());
    GRAPHRUN_TRY(read_op_libraries());
    GRAPHRUN_TRY(read_protocol());
    return std::move(model_);
  }

 private:
  // What is plain text and numbers.
  Status read_head() {
    GRAPHRUN_ASSIGN(model_.name, pools_.text(file_.name()));
    GRAPHRUN_ASSIGN(model_.doc, pools_.text(file_.doc()));
    GRAPHRUN_TRY(pools_.charge(count(file_.parameters()), sizeof(GraphParameter)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.parameters()); ++i) {
      const fb::Parameter& item = *file_.parameters()->Get(i);
      GraphParameter parameter{{}, item.value(), item.integer(), item.structural(), item.min(), item.max(),
                               {}, {},           false};
      GRAPHRUN_ASSIGN(parameter.name, pools_.text(item.name()));
      GRAPHRUN_ASSIGN(parameter.doc, pools_.text(item.doc()));
      GRAPHRUN_ASSIGN(parameter.from, pools_.optional_expr(item.from()));
      parameter.chosen = item.chosen();
      model_.parameters.push_back(std::move(parameter));
    }
    if (const fb::Preprocess* item = file_.preprocess(); item != nullptr) {
      GRAPHRUN_TRY(pools_.charge(count(item->mean()) + std::uint64_t{count(item->std())}, sizeof(double)));
      model_.preprocess.value_scale = item->value_scale();
      model_.preprocess.mean = numbers_of(item->mean());
      model_.preprocess.std = numbers_of(item->std());
      model_.preprocess.stored = static_cast<PixelType>(item->stored());
    }
    GRAPHRUN_TRY(pools_.charge(count(file_.class_names()), sizeof(std::string)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.class_names()); ++i) {
      GRAPHRUN_ASSIGN(std::string class_name, pools_.text(file_.class_names()->Get(i)));
      model_.class_names.push_back(std::move(class_name));
    }
    GRAPHRUN_TRY(pools_.charge(count(file_.palette()), 1));
    if (file_.palette() != nullptr) model_.palette.assign(file_.palette()->begin(), file_.palette()->end());
    GRAPHRUN_ASSIGN(model_.settings, json_members(file_.settings(), "setting"));
    GRAPHRUN_ASSIGN(model_.metadata, json_members(file_.metadata(), "metadata"));
    return {};
  }

  // Names with JSON text, each once.
  Result<std::map<std::string, std::string>> json_members(
      const flatbuffers::Vector<flatbuffers::Offset<fb::Setting>>* items, std::string_view what) {
    GRAPHRUN_TRY(pools_.charge(count(items), 2 * sizeof(std::string) + PoolReader::kMapNodeBytes));
    std::map<std::string, std::string> members;
    for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) {
      GRAPHRUN_ASSIGN(const std::string key, pools_.text(items->Get(i)->key()));
      GRAPHRUN_ASSIGN(const std::string value, pools_.text(items->Get(i)->value()));
      if (!members.emplace(key, value).second)
        return bad_file(std::string(what) + " \"" + key + "\" appears twice");
    }
    return members;
  }

  Result<std::vector<Port>> ports(const flatbuffers::Vector<flatbuffers::Offset<fb::Port>>* items) {
    GRAPHRUN_TRY(pools_.charge(count(items), sizeof(Port)));
    std::vector<Port> result;
    for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) {
      const fb::Port& item = *items->Get(i);
      if (item.stride() > INT32_MAX) return bad_file("a stride of " + std::to_string(item.stride()));
      Port port;
      GRAPHRUN_ASSIGN(port.name, pools_.name(item.name()));
      GRAPHRUN_ASSIGN(port.method, pools_.name(item.method()));
      GRAPHRUN_ASSIGN(port.role, pools_.name(item.role()));
      GRAPHRUN_ASSIGN(port.head, pools_.name(item.head()));
      port.dtype = static_cast<DType>(item.dtype());
      port.rank = item.rank();
      GRAPHRUN_ASSIGN(port.channels, pools_.optional_expr(item.channels()));
      GRAPHRUN_ASSIGN(port.classes, pools_.optional_expr(item.classes()));
      port.stride = static_cast<int>(item.stride());
      GRAPHRUN_ASSIGN(port.interpolation, pools_.text(item.interpolation()));
      port.align_corners = item.align_corners();
      GRAPHRUN_ASSIGN(port.properties, json_members(item.properties(), "property"));
      result.push_back(std::move(port));
    }
    return result;
  }

  Status read_signature() {
    const fb::Signature* item = file_.signature();
    if (item == nullptr) return {};
    GRAPHRUN_ASSIGN(model_.signature.inputs, ports(item->inputs()).with_context("signature: inputs"));
    GRAPHRUN_ASSIGN(model_.signature.outputs, ports(item->outputs()).with_context("signature: outputs"));
    return {};
  }

  Status read_op_libraries() {
    GRAPHRUN_TRY(pools_.charge(count(file_.op_libraries()), sizeof(RequiredOps)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.op_libraries()); ++i) {
      const fb::OpLibrary& item = *file_.op_libraries()->Get(i);
      RequiredOps& required = model_.required_ops.emplace_back();
      GRAPHRUN_ASSIGN(required.library, pools_.text(item.name()));
      GRAPHRUN_ASSIGN(required.version, pools_.text(item.version()));
      GRAPHRUN_TRY(pools_.charge(count(item.ops()), sizeof(std::string)));
      for (flatbuffers::uoffset_t k = 0; k < count(item.ops()); ++k) {
        GRAPHRUN_ASSIGN(std::string op, pools_.name(item.ops()->Get(k)));
        required.ops.push_back(std::move(op));
      }
    }
    return {};
  }

  Status read_protocol() {
    const fb::Protocol* item = file_.protocol();
    if (item == nullptr) return {};
    LabellingProtocol protocol;
    GRAPHRUN_ASSIGN(protocol.name, pools_.text(item->name()));
    protocol.crop_h = item->crop_h();
    protocol.crop_w = item->crop_w();
    protocol.base_size = item->base_size();
    GRAPHRUN_TRY(pools_.charge(count(item->scales()), sizeof(double)));
    protocol.scales = numbers_of(item->scales());
    protocol.flip = item->flip();
    model_.protocol = std::move(protocol);
    return {};
  }

  Status read_inputs() {
    GRAPHRUN_TRY(pools_.charge(count(file_.inputs()), sizeof(Input)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.inputs()); ++i) {
      const fb::Input& item = *file_.inputs()->Get(i);
      Input input;
      input.dtype = static_cast<DType>(item.dtype());
      GRAPHRUN_ASSIGN(input.name, pools_.name(item.name()));
      GRAPHRUN_ASSIGN(input.shape, pools_.list(item.shape()));
      model_.inputs.push_back(std::move(input));
    }
    GRAPHRUN_TRY(pools_.charge(count(file_.requirements()), sizeof(Requirement)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.requirements()); ++i) {
      const fb::Requirement& item = *file_.requirements()->Get(i);
      Requirement requirement;
      GRAPHRUN_ASSIGN(requirement.condition, pools_.expr(item.condition()));
      GRAPHRUN_ASSIGN(requirement.because, pools_.text(item.because()));
      model_.requirements.push_back(std::move(requirement));
    }
    return {};
  }

  Status read_variables() {
    GRAPHRUN_TRY(pools_.charge(count(file_.variables()), sizeof(Variable) + 3 * sizeof(Expr::Token)));
    model_.variables.reserve(count(file_.variables()));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.variables()); ++i) {
      const fb::Variable& item = *file_.variables()->Get(i);
      Variable variable;
      variable.kind = static_cast<VariableKind>(item.kind());
      variable.dtype = static_cast<DType>(item.dtype());
      variable.of = item.of();
      GRAPHRUN_ASSIGN(variable.name, pools_.name(item.name()));
      GRAPHRUN_ASSIGN(variable.shape, pools_.list(item.shape()));
      GRAPHRUN_ASSIGN(variable.init, pools_.init(item.init()));
      model_.variables.push_back(std::move(variable));
    }
    return {};
  }

  Result<std::vector<NamedValue>> named_values(const flatbuffers::Vector<const fb::NamedValue*>* items) {
    GRAPHRUN_TRY(pools_.charge(count(items), sizeof(NamedValue)));
    std::vector<NamedValue> result;
    for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) {
      GRAPHRUN_ASSIGN(std::string value_name, pools_.name(items->Get(i)->name()));
      result.push_back({std::move(value_name), items->Get(i)->value()});
    }
    return result;
  }

  Result<Node> parse_node(const fb::Node& item, const flatbuffers::Vector<std::int32_t>* operands,
                          flatbuffers::uoffset_t first) {
    Node node;
    GRAPHRUN_ASSIGN(node.path, pools_.name(item.path()));
    GRAPHRUN_ASSIGN(node.op, pools_.name(item.op()));
    GRAPHRUN_ASSIGN(node.attrs, pools_.attrs(item.attrs()));
    const flatbuffers::uoffset_t used = flatbuffers::uoffset_t{item.inputs()} + item.outputs();
    if (used > count(operands) - first) return bad_file(node.path + ": its operands are missing");
    GRAPHRUN_TRY(pools_.charge(used, sizeof(ValueId)));
    for (flatbuffers::uoffset_t i = 0; i < used; ++i) {
      (i < item.inputs() ? node.inputs : node.outputs).push_back(operands->Get(first + i));
    }
    return node;
  }

  Status read_method(const fb::Method& item) {
    Method& method = model_.methods.emplace_back();
    GRAPHRUN_ASSIGN(method.name, pools_.name(item.name()));
    GRAPHRUN_TRY(pools_.charge(count(item.values()), sizeof(Value)));
    method.values.reserve(count(item.values()));
    for (flatbuffers::uoffset_t i = 0; i < count(item.values()); ++i) {
      const fb::Value& value = *item.values()->Get(i);
      GRAPHRUN_ASSIGN(std::string value_name, pools_.name(value.name()));
      method.values.push_back({std::move(value_name), static_cast<Origin>(value.source() % 4),
                               static_cast<std::int32_t>(value.source() / 4)});
    }
    GRAPHRUN_TRY(pools_.charge(count(item.nodes()), sizeof(Node)));
    method.nodes.reserve(count(item.nodes()));
    flatbuffers::uoffset_t first = 0;
    for (flatbuffers::uoffset_t i = 0; i < count(item.nodes()); ++i) {
      GRAPHRUN_ASSIGN(Node node, parse_node(*item.nodes()->Get(i), item.operands(), first));
      first += static_cast<flatbuffers::uoffset_t>(node.inputs.size() + node.outputs.size());
      method.nodes.push_back(std::move(node));
    }
    if (first != count(item.operands())) return bad_file("operands are left over");
    GRAPHRUN_ASSIGN(method.outputs, named_values(item.outputs()));
    GRAPHRUN_ASSIGN(method.stores, named_values(item.stores()));
    GRAPHRUN_ASSIGN(method.quantised, quantised_values(item.quantised()));
    return {};
  }

  Result<std::vector<QuantisedValue>> quantised_values(
      const flatbuffers::Vector<flatbuffers::Offset<fb::Quantised>>* items) {
    GRAPHRUN_TRY(pools_.charge(count(items), sizeof(QuantisedValue)));
    std::vector<QuantisedValue> result;
    for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) {
      const fb::Quantised& item = *items->Get(i);
      if (item.value() > INT32_MAX) return bad_file("a value " + std::to_string(item.value()));
      GRAPHRUN_TRY(pools_.charge(count(item.scales()), sizeof(float)));
      GRAPHRUN_TRY(pools_.charge(count(item.zero_points()), sizeof(std::int32_t)));
      result.push_back({static_cast<ValueId>(item.value()), item.bits(), item.is_signed(), item.axis(),
                        numbers_of(item.scales()), numbers_of(item.zero_points())});
    }
    return result;
  }

  const fb::Model& file_;
  Model model_;
  PoolReader pools_;
};

// Optional inputs that an op gained at its end after the file was written are absent in it.
void add_absent_inputs(Model& model, const OpRegistry& registry) {
  for (Method& method : model.methods) {
    for (Node& node : method.nodes) {
      const OpDef* def = registry.find(node.op);
      if (def != nullptr) graphrun::model::add_absent_inputs(*def, node.inputs);
    }
  }
}

Result<Model> parse_aligned(std::span<const std::byte> bytes, const OpRegistry& registry) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), kMaxTableDepth, kMaxTables);
  if (!verifier.VerifyBuffer<fb::Model>(fb::ModelIdentifier())) {
    return bad_file("not a graphrun model, or a damaged one");
  }
  const fb::Model& file = *fb::GetModel(data);
  GRAPHRUN_ASSIGN(Model model, Parser(file, static_cast<std::int64_t>(bytes.size())).run());
  add_absent_inputs(model, registry);
  const auto checked = [&]() -> Status {
    GRAPHRUN_TRY(validate_structure(model, registry));
    if (file.version() == kOldestFormatVersion) GRAPHRUN_TRY(upgrade_from_version_1(model, registry));
    return validate_types(model, registry);
  };
  if (const Status status = checked(); !status.ok()) {
    if (status.code() == ErrorCode::unsupported) return status;  // an op library that was not given
    return bad_file(status.message());
  }
  return model;
}

}  // namespace

Result<Model> parse_model(std::span<const std::byte> bytes, const OpRegistry& registry) try {
  if (bytes.size() > static_cast<std::size_t>(kMaxModelFileBytes)) {
    return bad_file("more than " + std::to_string(kMaxModelFileBytes) + " bytes");
  }
  // The verifier checks alignment relative to the buffer's start. Memory of `new` is aligned for every
  // scalar.
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::max_align_t) == 0) {
    return parse_aligned(bytes, registry);
  }
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  return parse_aligned(copy, registry);
} catch (...) {
  return core::caught();
}

Result<Model> read_model(const std::string& path, const OpRegistry& registry) try {
  GRAPHRUN_ASSIGN(const std::string bytes, core::read_file(path, kMaxModelFileBytes));
  return parse_model(std::as_bytes(std::span(bytes)), registry).with_context(path);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::model
