#include <flatbuffers/flatbuffers.h>

#include <array>
#include <bit>
#include <limits>
#include <map>

#include "program_generated.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"

namespace graphrun::model {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

std::uint32_t u32(std::size_t value) { return static_cast<std::uint32_t>(value); }

// Indices in order of first use.
template <class Key>
class Pool {
 public:
  // Whether the key is new, and its index.
  std::pair<bool, std::uint32_t> insert(const Key& key) {
    const auto [entry, is_new] = indices_.try_emplace(key, u32(indices_.size()));
    return {is_new, entry->second};
  }

 private:
  std::map<Key, std::uint32_t> indices_;
};

class Serializer {
 private:
  template <class T>
  auto vector(const std::vector<T>& items) {
    return builder_.CreateVector(items);
  }
  template <class T>
  auto structs(const std::vector<T>& items) {
    return builder_.CreateVectorOfStructs(items);
  }

 public:
  explicit Serializer(const Model& model) : model_(model) {}

  Result<std::vector<std::byte>> run() {
    std::vector<Offset<fb::Parameter>> parameters;
    for (const GraphParameter& item : model_.parameters) {
      parameters.push_back(fb::CreateParameter(
          builder_, builder_.CreateString(item.name), item.value, item.integer, item.structural, item.min,
          item.max, builder_.CreateString(item.doc), optional_expr(item.from), item.chosen));
    }
    std::vector<Offset<fb::Input>> inputs;
    for (const Input& item : model_.inputs) {
      inputs.push_back(fb::CreateInput(builder_, name(item.name), static_cast<std::uint8_t>(item.dtype),
                                       list(item.shape)));
    }
    std::vector<Offset<fb::Requirement>> requirements;
    for (const Requirement& item : model_.requirements) {
      requirements.push_back(
          fb::CreateRequirement(builder_, expr(item.condition), builder_.CreateString(item.because)));
    }
    std::vector<fb::Variable> variables;
    for (const Variable& item : model_.variables) variables.push_back(variable(item));
    std::vector<Offset<fb::Method>> methods;
    for (const Method& item : model_.methods) {
      GRAPHRUN_TRY(check_counts(item).with_context("method " + item.name));
      methods.push_back(method(item));
    }
    const auto preprocess = fb::CreatePreprocess(
        builder_, model_.preprocess.value_scale, vector(model_.preprocess.mean),
        vector(model_.preprocess.std), static_cast<std::uint8_t>(model_.preprocess.stored));
    const auto settings = json_members(model_.settings);
    const auto metadata = json_members(model_.metadata);
    const auto signature =
        fb::CreateSignature(builder_, ports(model_.signature.inputs), ports(model_.signature.outputs));
    const auto libraries = op_libraries();
    const auto protocol = this->protocol();
    builder_.Finish(
        fb::CreateModel(builder_, kFormatVersion, builder_.CreateString(model_.name),
                        builder_.CreateString(model_.doc), builder_.CreateVectorOfStrings(strings_),
                        structs(names_), vector(exprs_), vector(lists_), vector(attr_sets_), structs(inits_),
                        vector(parameters), vector(inputs), vector(requirements), structs(variables),
                        vector(methods), preprocess, builder_.CreateVectorOfStrings(model_.class_names),
                        vector(model_.palette), settings, signature, libraries, protocol, metadata),
        fb::ModelIdentifier());
    if (builder_.GetSize() > static_cast<std::size_t>(kMaxModelFileBytes)) {
      return {ErrorCode::unsupported,
              "the model needs more than " + std::to_string(kMaxModelFileBytes) + " bytes"};
    }
    const auto bytes = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }

 private:
  static Status check_counts(const Method& method) {
    constexpr std::size_t kMaxOperands = std::numeric_limits<std::uint16_t>::max();
    for (const Node& node : method.nodes) {
      if (node.inputs.size() > kMaxOperands || node.outputs.size() > kMaxOperands) {
        return {ErrorCode::unsupported, node.path + " has more than 65535 inputs or outputs"};
      }
    }
    return {};
  }

  // Scopes are shared by splitting a name at its last separator.
  std::uint32_t name(std::string_view text) {
    if (text.empty()) return 0;
    if (const auto known = name_references_.find(text); known != name_references_.end()) return known->second;
    std::vector<std::size_t> ends{text.size()};
    while (true) {
      const std::size_t separator = text.substr(0, ends.back()).find_last_of("./:");
      if (separator == std::string_view::npos || separator == 0) break;
      ends.push_back(separator);
    }
    std::uint32_t reference = 0;
    std::size_t begin = 0;
    for (auto end = ends.rbegin(); end != ends.rend(); begin = *end, ++end) {
      const std::string path(text.substr(0, *end));
      const auto [entry, is_new] = name_references_.try_emplace(path, u32(names_.size() + 1));
      if (is_new) names_.emplace_back(reference, string(std::string(text.substr(begin, *end - begin))));
      reference = entry->second;
    }
    return reference;
  }

  std::uint32_t string(const std::string& text) {
    const auto [is_new, index] = string_pool_.insert(text);
    if (is_new) strings_.push_back(text);
    return index;
  }

  std::uint32_t expr(const Expr& item) {
    std::vector<std::uint8_t> ops;
    std::vector<std::int64_t> integers;
    std::vector<double> reals;
    std::vector<std::uint32_t> symbols;
    ExprKey key;
    for (const Expr::Token& token : item.tokens) {
      ops.push_back(static_cast<std::uint8_t>(token.op));
      if (token.op == ExprOp::integer || token.op == ExprOp::symbol) integers.push_back(token.integer);
      if (token.op == ExprOp::real) {
        reals.push_back(token.real);
        std::get<2>(key).push_back(std::bit_cast<std::uint64_t>(token.real));
      }
    }
    for (const std::string& symbol : item.symbols) symbols.push_back(name(symbol));
    std::get<0>(key) = ops;
    std::get<1>(key) = integers;
    std::get<3>(key) = symbols;
    const auto [is_new, index] = expr_pool_.insert(key);
    if (is_new) exprs_.push_back(fb::CreateExprDirect(builder_, &ops, &integers, &reals, &symbols));
    return index;
  }

  std::uint32_t list(const std::vector<Expr>& items) {
    std::vector<std::uint32_t> indices;
    for (const Expr& item : items) indices.push_back(expr(item));
    const auto [is_new, index] = list_pool_.insert(indices);
    if (is_new) lists_.push_back(fb::CreateExprListDirect(builder_, &indices));
    return index;
  }

  std::uint32_t attr_set(const AttrMap& attrs) {
    std::vector<std::array<std::uint32_t, 3>> key;
    std::vector<fb::Attr> items;
    for (const auto& [attr_name, value] : attrs) {
      std::uint32_t reference = 0;
      if (const auto* one = std::get_if<Expr>(&value)) reference = expr(*one);
      if (const auto* text = std::get_if<std::string>(&value)) reference = name(*text);
      if (const auto* many = std::get_if<std::vector<Expr>>(&value)) reference = list(*many);
      items.emplace_back(name(attr_name), reference, u32(value.index()));
      key.push_back({items.back().name(), reference, items.back().kind()});
    }
    const auto [is_new, index] = attr_pool_.insert(key);
    if (is_new) attr_sets_.push_back(fb::CreateAttrSetDirect(builder_, &items));
    return index;
  }

  std::uint32_t init(const Init& item) {
    const std::array<std::uint32_t, 4> key{expr(item.a), expr(item.b), expr(item.fan_in),
                                           static_cast<std::uint32_t>(item.kind)};
    const auto [is_new, index] = init_pool_.insert(key);
    if (is_new) inits_.emplace_back(key[0], key[1], key[2], key[3]);
    return index;
  }

  fb::Variable variable(const Variable& item) {
    return {name(item.name),
            list(item.shape),
            init(item.init),
            item.of,
            static_cast<std::uint8_t>(item.kind),
            static_cast<std::uint8_t>(item.dtype)};
  }

  std::vector<fb::NamedValue> named_values(const std::vector<NamedValue>& items) {
    std::vector<fb::NamedValue> result;
    for (const NamedValue& item : items) result.emplace_back(name(item.name), item.value);
    return result;
  }

  Offset<fb::Method> method(const Method& item) {
    std::vector<fb::Value> values;
    for (const Value& value : item.values) {
      values.emplace_back(name(value.name), 4 * static_cast<std::uint32_t>(value.index) +
                                                static_cast<std::uint32_t>(value.origin));
    }
    std::vector<fb::Node> nodes;
    std::vector<std::int32_t> operands;
    for (const Node& node : item.nodes) {
      nodes.emplace_back(name(node.path), name(node.op), attr_set(node.attrs),
                         static_cast<std::uint16_t>(node.inputs.size()),
                         static_cast<std::uint16_t>(node.outputs.size()));
      operands.insert(operands.end(), node.inputs.begin(), node.inputs.end());
      operands.insert(operands.end(), node.outputs.begin(), node.outputs.end());
    }
    const auto outputs = named_values(item.outputs);
    const auto stores = named_values(item.stores);
    const auto hints = quantised(item);
    return fb::CreateMethodDirect(builder_, name(item.name), &values, &nodes, &operands, &outputs, &stores,
                                  hints.empty() ? nullptr : &hints);
  }

  std::vector<Offset<fb::Quantised>> quantised(const Method& method) {
    std::vector<Offset<fb::Quantised>> items;
    for (const QuantisedValue& item : method.quantised) {
      items.push_back(fb::CreateQuantised(builder_, static_cast<std::uint32_t>(item.value),
                                          static_cast<std::uint8_t>(item.bits), item.is_signed,
                                          static_cast<std::int8_t>(item.axis), vector(item.scales),
                                          vector(item.zero_points)));
    }
    return items;
  }

  auto json_members(const std::map<std::string, std::string>& members)
      -> Offset<flatbuffers::Vector<Offset<fb::Setting>>> {
    std::vector<Offset<fb::Setting>> items;
    for (const auto& [key, value] : members) {
      items.push_back(fb::CreateSetting(builder_, builder_.CreateString(key), builder_.CreateString(value)));
    }
    return vector(items);
  }

  auto ports(const std::vector<Port>& all) -> Offset<flatbuffers::Vector<Offset<fb::Port>>> {
    std::vector<Offset<fb::Port>> items;
    for (const Port& port : all) {
      const auto properties = json_members(port.properties);
      items.push_back(fb::CreatePort(
          builder_, name(port.name), name(port.method), name(port.role), name(port.head),
          static_cast<std::uint8_t>(port.dtype), static_cast<std::uint8_t>(port.rank),
          optional_expr(port.channels), optional_expr(port.classes), static_cast<std::uint32_t>(port.stride),
          builder_.CreateSharedString(port.interpolation), port.align_corners, properties));
    }
    return vector(items);
  }

  auto op_libraries() -> Offset<flatbuffers::Vector<Offset<fb::OpLibrary>>> {
    std::vector<Offset<fb::OpLibrary>> items;
    for (const RequiredOps& required : model_.required_ops) {
      std::vector<std::uint32_t> ops;
      for (const std::string& op : required.ops) ops.push_back(name(op));
      items.push_back(
          fb::CreateOpLibraryDirect(builder_, required.library.c_str(), required.version.c_str(), &ops));
    }
    return vector(items);
  }

  Offset<fb::Protocol> protocol() {
    if (!model_.protocol) return {};
    const LabellingProtocol& item = *model_.protocol;
    return fb::CreateProtocolDirect(builder_, item.name.c_str(), static_cast<std::uint32_t>(item.crop_h),
                                    static_cast<std::uint32_t>(item.crop_w),
                                    static_cast<std::uint32_t>(item.base_size), &item.scales, item.flip);
  }

  // 0 for an expression without tokens.
  std::uint32_t optional_expr(const Expr& item) { return item.tokens.empty() ? 0 : 1 + expr(item); }

  using ExprKey = std::tuple<std::vector<std::uint8_t>, std::vector<std::int64_t>, std::vector<std::uint64_t>,
                             std::vector<std::uint32_t>>;
  const Model& model_;
  FlatBufferBuilder builder_;
  Pool<std::string> string_pool_;
  std::vector<std::string> strings_;
  std::map<std::string, std::uint32_t, std::less<>> name_references_;
  std::vector<fb::Name> names_;
  Pool<ExprKey> expr_pool_;
  std::vector<Offset<fb::Expr>> exprs_;
  Pool<std::vector<std::uint32_t>> list_pool_;
  std::vector<Offset<fb::ExprList>> lists_;
  Pool<std::vector<std::array<std::uint32_t, 3>>> attr_pool_;
  std::vector<Offset<fb::AttrSet>> attr_sets_;
  Pool<std::array<std::uint32_t, 4>> init_pool_;
  std::vector<fb::Init> inits_;
};

}  // namespace

Result<std::vector<std::byte>> serialize(const Model& model) { return Serializer(model).run(); }

Status write_model(const Model& model, const std::string& path) try {
  GRAPHRUN_ASSIGN(const std::vector<std::byte> bytes, serialize(model));
  return core::write_file(path, bytes);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::model
