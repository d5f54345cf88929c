#include <flatbuffers/flatbuffers.h>

#include <cstring>

#include "program_generated.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"
#include "runtime/model/validate.h"

namespace graphrun::model {
namespace {

// The depth of tables in program.fbs with room for its growth, and what a model of kMaxNodes could use.
constexpr flatbuffers::uoffset_t kMaxTableDepth = 16;
constexpr flatbuffers::uoffset_t kMaxTables = 1U << 18;

Status bad(std::string message) { return {ErrorCode::invalid_file, std::move(message)}; }

// The elements of a vector that may be null.
template <class T>
flatbuffers::uoffset_t count(const flatbuffers::Vector<T>* items) {
  return items == nullptr ? 0 : items->size();
}

// Numbers of 8 bytes: the verifier aligns a vector's length, which has 4, but not its elements.
template <class T>
T element(const flatbuffers::Vector<T>& items, flatbuffers::uoffset_t index) {
  T value;
  std::memcpy(&value, items.Data() + std::size_t{index} * sizeof(T), sizeof(T));
  return flatbuffers::EndianScalar(value);
}

std::vector<double> reals_of(const flatbuffers::Vector<double>* items) {
  std::vector<double> result;
  for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) result.push_back(element(*items, i));
  return result;
}

// Element `index` of a pool.
template <class T>
Result<const T*> at(const std::vector<T>& pool, std::uint32_t index, std::string_view what) {
  if (index < pool.size()) return &pool[index];
  return bad("there is no " + std::string(what) + " " + std::to_string(index));
}

// Copies a verified buffer into a Model. Resolves references and bounds memory; what the model means is
// validate()'s business.
class Parser {
 public:
  explicit Parser(const fb::Model& file) : file_(file) {}

  Result<Model> run() {
    if (file_.version() != kFormatVersion) {
      return bad("format version " + std::to_string(file_.version()) + "; this program reads version " +
                 std::to_string(kFormatVersion));
    }
    GRAPHRUN_TRY(read_names());
    GRAPHRUN_TRY(read_exprs());
    GRAPHRUN_TRY(read_lists());
    GRAPHRUN_TRY(read_attr_sets());
    GRAPHRUN_TRY(read_inits());
    GRAPHRUN_TRY(read_head());
    GRAPHRUN_TRY(read_inputs());
    GRAPHRUN_TRY(read_variables());
    GRAPHRUN_TRY(charge(count(file_.methods()), sizeof(Method)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.methods()); ++i) {
      GRAPHRUN_TRY(read_method(*file_.methods()->Get(i)).in("method " + std::to_string(i)));
    }
    return std::move(model_);
  }

 private:
  // Takes memory from what a model may use; called before it is allocated.
  Status charge(std::uint64_t items, std::uint64_t bytes_each) {
    // Neither factor reaches 2^32: both come from 32-bit sizes of the file or from sizeof.
    const std::uint64_t bytes = items * bytes_each;
    if (bytes > budget_)
      return bad("the model expands to more than " + std::to_string(kMaxModelBytes) + " bytes");
    budget_ -= bytes;
    return {};
  }

  Result<std::string> text(const flatbuffers::String* item) {
    if (item == nullptr) return std::string();
    GRAPHRUN_TRY(charge(item->size(), 1));
    return item->str();
  }

  Result<std::string> name(std::uint32_t reference) {
    GRAPHRUN_ASSIGN(const std::string* found, at(names_, reference, "name"));
    GRAPHRUN_TRY(charge(found->size(), 1));
    return *found;
  }

  Result<Expr> expr(std::uint32_t index) {
    GRAPHRUN_ASSIGN(const Expr* found, at(exprs_, index, "expression"));
    GRAPHRUN_TRY(charge(found->tokens.size(), sizeof(Expr::Token)));
    GRAPHRUN_TRY(charge(found->symbols.size(), sizeof(std::string) + kMaxNameLength));
    return *found;
  }

  Result<std::vector<Expr>> list(std::uint32_t index) {
    GRAPHRUN_ASSIGN(const std::vector<std::uint32_t>* indices, at(lists_, index, "list"));
    GRAPHRUN_TRY(charge(indices->size(), sizeof(Expr)));
    std::vector<Expr> result;
    result.reserve(indices->size());
    for (const std::uint32_t item : *indices) {
      GRAPHRUN_ASSIGN(Expr value, expr(item));
      result.push_back(std::move(value));
    }
    return result;
  }

  Status read_names() {
    GRAPHRUN_TRY(charge(count(file_.names()) + 1ULL, sizeof(std::string)));
    names_.reserve(count(file_.names()) + std::size_t{1});
    names_.emplace_back();
    for (flatbuffers::uoffset_t i = 0; i < count(file_.names()); ++i) {
      const fb::Name& item = *file_.names()->Get(i);
      GRAPHRUN_ASSIGN(std::string full, name(item.parent()));
      if (item.leaf() >= count(file_.strings()))
        return bad("there is no string " + std::to_string(item.leaf()));
      const flatbuffers::String* leaf = file_.strings()->Get(item.leaf());
      if (full.size() + leaf->size() > kMaxNameLength) {
        return bad("a name of more than " + std::to_string(kMaxNameLength) + " bytes");
      }
      GRAPHRUN_TRY(charge(leaf->size(), 1));
      names_.push_back(full.append(leaf->data(), leaf->size()));
    }
    return {};
  }

  Result<Expr> parse_expr(const fb::Expr& item) {
    if (count(item.ops()) > kMaxExprTokens || count(item.symbols()) > kMaxExprTokens) {
      return bad("more than " + std::to_string(kMaxExprTokens) + " parts");
    }
    Expr expr;
    GRAPHRUN_TRY(charge(count(item.ops()), sizeof(Expr::Token)));
    flatbuffers::uoffset_t integers = 0;
    flatbuffers::uoffset_t reals = 0;
    for (flatbuffers::uoffset_t i = 0; i < count(item.ops()); ++i) {
      Expr::Token token{static_cast<ExprOp>(item.ops()->Get(i)), 0, 0};
      if (token.op == ExprOp::integer || token.op == ExprOp::symbol) {
        if (integers >= count(item.integers())) return bad("an integer is missing");
        token.integer = element(*item.integers(), integers++);
      } else if (token.op == ExprOp::real) {
        if (reals >= count(item.reals())) return bad("a real number is missing");
        token.real = element(*item.reals(), reals++);
      }
      expr.tokens.push_back(token);
    }
    if (integers != count(item.integers()) || reals != count(item.reals()))
      return bad("numbers are left over");
    for (flatbuffers::uoffset_t i = 0; i < count(item.symbols()); ++i) {
      GRAPHRUN_ASSIGN(std::string symbol, name(item.symbols()->Get(i)));
      expr.symbols.push_back(std::move(symbol));
    }
    return expr;
  }

  Status read_exprs() {
    GRAPHRUN_TRY(charge(count(file_.exprs()), sizeof(Expr)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.exprs()); ++i) {
      GRAPHRUN_ASSIGN(Expr expr, parse_expr(*file_.exprs()->Get(i)).in("expression " + std::to_string(i)));
      exprs_.push_back(std::move(expr));
    }
    return {};
  }

  Status read_lists() {
    GRAPHRUN_TRY(charge(count(file_.lists()), sizeof(lists_[0])));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.lists()); ++i) {
      const auto* items = file_.lists()->Get(i)->exprs();
      if (count(items) > kMaxListLength) return bad("a list of " + std::to_string(count(items)) + " numbers");
      GRAPHRUN_TRY(charge(count(items), sizeof(std::uint32_t)));
      std::vector<std::uint32_t>& list = lists_.emplace_back();
      for (flatbuffers::uoffset_t k = 0; k < count(items); ++k) list.push_back(items->Get(k));
    }
    return {};
  }

  Result<AttrValue> attr_value(const fb::Attr& attr) {
    switch (attr.kind()) {
      case 0: {
        GRAPHRUN_ASSIGN(Expr value, expr(attr.value()));
        return AttrValue(std::move(value));
      }
      case 1: {
        GRAPHRUN_ASSIGN(std::string value, name(attr.value()));
        return AttrValue(std::move(value));
      }
      case 2: {
        GRAPHRUN_ASSIGN(std::vector<Expr> value, list(attr.value()));
        return AttrValue(std::move(value));
      }
      default:
        return bad("an attribute of unknown kind " + std::to_string(attr.kind()));
    }
  }

  Status read_attr_sets() {
    GRAPHRUN_TRY(charge(count(file_.attr_sets()), sizeof(AttrSet)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.attr_sets()); ++i) {
      const auto* items = file_.attr_sets()->Get(i)->attrs();
      const std::uint64_t before = budget_;
      GRAPHRUN_TRY(charge(count(items), sizeof(AttrMap::value_type) + kMapNodeBytes));
      AttrSet& set = attr_sets_.emplace_back();
      for (flatbuffers::uoffset_t k = 0; k < count(items); ++k) {
        const fb::Attr& attr = *items->Get(k);
        GRAPHRUN_ASSIGN(std::string attr_name, name(attr.name()));
        GRAPHRUN_ASSIGN(AttrValue value, attr_value(attr));
        if (!set.attrs.emplace(attr_name, std::move(value)).second) {
          return bad("attribute \"" + attr_name + "\" appears twice");
        }
      }
      set.bytes = before - budget_;
    }
    return {};
  }

  Status read_inits() {
    GRAPHRUN_TRY(charge(count(file_.inits()), sizeof(AttrSet)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.inits()); ++i) {
      const fb::Init& item = *file_.inits()->Get(i);
      if (item.kind() > UINT8_MAX) return bad("an unknown initialiser");
      Init init;
      init.kind = static_cast<InitKind>(item.kind());
      GRAPHRUN_ASSIGN(init.a, expr(item.a()));
      GRAPHRUN_ASSIGN(init.b, expr(item.b()));
      GRAPHRUN_ASSIGN(init.fan_in, expr(item.fan_in()));
      inits_.push_back(std::move(init));
    }
    return {};
  }

  // What is plain text and numbers.
  Status read_head() {
    GRAPHRUN_ASSIGN(model_.name, text(file_.name()));
    GRAPHRUN_ASSIGN(model_.doc, text(file_.doc()));
    GRAPHRUN_TRY(charge(count(file_.parameters()), sizeof(GraphParameter)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.parameters()); ++i) {
      const fb::Parameter& item = *file_.parameters()->Get(i);
      GraphParameter parameter{{}, item.value(), item.integer(), item.structural(), item.min(), item.max(),
                               {}};
      GRAPHRUN_ASSIGN(parameter.name, text(item.name()));
      GRAPHRUN_ASSIGN(parameter.doc, text(item.doc()));
      model_.parameters.push_back(std::move(parameter));
    }
    if (const fb::Preprocess* item = file_.preprocess(); item != nullptr) {
      GRAPHRUN_TRY(charge(count(item->mean()) + std::uint64_t{count(item->std())}, sizeof(double)));
      model_.preprocess.value_scale = item->value_scale();
      model_.preprocess.mean = reals_of(item->mean());
      model_.preprocess.std = reals_of(item->std());
    }
    GRAPHRUN_TRY(charge(count(file_.class_names()), sizeof(std::string)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.class_names()); ++i) {
      GRAPHRUN_ASSIGN(std::string class_name, text(file_.class_names()->Get(i)));
      model_.class_names.push_back(std::move(class_name));
    }
    GRAPHRUN_TRY(charge(count(file_.palette()), 1));
    if (file_.palette() != nullptr) model_.palette.assign(file_.palette()->begin(), file_.palette()->end());
    GRAPHRUN_TRY(charge(count(file_.settings()), 2 * sizeof(std::string) + kMapNodeBytes));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.settings()); ++i) {
      const fb::Setting& item = *file_.settings()->Get(i);
      GRAPHRUN_ASSIGN(const std::string key, text(item.key()));
      GRAPHRUN_ASSIGN(const std::string value, text(item.value()));
      if (!model_.settings.emplace(key, value).second) return bad("setting \"" + key + "\" appears twice");
    }
    return {};
  }

  Status read_inputs() {
    GRAPHRUN_TRY(charge(count(file_.inputs()), sizeof(Input)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.inputs()); ++i) {
      const fb::Input& item = *file_.inputs()->Get(i);
      Input input;
      input.dtype = static_cast<DType>(item.dtype());
      GRAPHRUN_ASSIGN(input.name, name(item.name()));
      GRAPHRUN_ASSIGN(input.shape, list(item.shape()));
      model_.inputs.push_back(std::move(input));
    }
    GRAPHRUN_TRY(charge(count(file_.requirements()), sizeof(Requirement)));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.requirements()); ++i) {
      const fb::Requirement& item = *file_.requirements()->Get(i);
      Requirement requirement;
      GRAPHRUN_ASSIGN(requirement.condition, expr(item.condition()));
      GRAPHRUN_ASSIGN(requirement.because, text(item.because()));
      model_.requirements.push_back(std::move(requirement));
    }
    return {};
  }

  Status read_variables() {
    GRAPHRUN_TRY(charge(count(file_.variables()), sizeof(Variable) + 3 * sizeof(Expr::Token)));
    model_.variables.reserve(count(file_.variables()));
    for (flatbuffers::uoffset_t i = 0; i < count(file_.variables()); ++i) {
      const fb::Variable& item = *file_.variables()->Get(i);
      Variable variable;
      variable.kind = static_cast<VariableKind>(item.kind());
      variable.dtype = static_cast<DType>(item.dtype());
      variable.of = item.of();
      GRAPHRUN_ASSIGN(variable.name, name(item.name()));
      GRAPHRUN_ASSIGN(variable.shape, list(item.shape()));
      GRAPHRUN_ASSIGN(const Init* init, at(inits_, item.init(), "initialiser"));
      for (const Expr* part : {&init->a, &init->b, &init->fan_in}) {
        GRAPHRUN_TRY(charge(part->tokens.size(), sizeof(Expr::Token)));
        GRAPHRUN_TRY(charge(part->symbols.size(), sizeof(std::string) + kMaxNameLength));
      }
      variable.init = *init;
      model_.variables.push_back(std::move(variable));
    }
    return {};
  }

  Result<std::vector<NamedValue>> named_values(const flatbuffers::Vector<const fb::NamedValue*>* items) {
    GRAPHRUN_TRY(charge(count(items), sizeof(NamedValue)));
    std::vector<NamedValue> result;
    for (flatbuffers::uoffset_t i = 0; i < count(items); ++i) {
      GRAPHRUN_ASSIGN(std::string value_name, name(items->Get(i)->name()));
      result.push_back({std::move(value_name), items->Get(i)->value()});
    }
    return result;
  }

  Result<Node> parse_node(const fb::Node& item, const flatbuffers::Vector<std::int32_t>* operands,
                          flatbuffers::uoffset_t first) {
    Node node;
    GRAPHRUN_ASSIGN(node.path, name(item.path()));
    GRAPHRUN_ASSIGN(node.op, name(item.op()));
    GRAPHRUN_ASSIGN(const AttrSet* attrs, at(attr_sets_, item.attrs(), "set of attributes"));
    GRAPHRUN_TRY(charge(attrs->bytes, 1));
    node.attrs = attrs->attrs;
    const flatbuffers::uoffset_t used = flatbuffers::uoffset_t{item.inputs()} + item.outputs();
    if (used > count(operands) - first) return bad(node.path + ": its operands are missing");
    GRAPHRUN_TRY(charge(used, sizeof(ValueId)));
    for (flatbuffers::uoffset_t i = 0; i < used; ++i) {
      (i < item.inputs() ? node.inputs : node.outputs).push_back(operands->Get(first + i));
    }
    return node;
  }

  Status read_method(const fb::Method& item) {
    Method& method = model_.methods.emplace_back();
    GRAPHRUN_ASSIGN(method.name, name(item.name()));
    GRAPHRUN_TRY(charge(count(item.values()), sizeof(Value)));
    method.values.reserve(count(item.values()));
    for (flatbuffers::uoffset_t i = 0; i < count(item.values()); ++i) {
      const fb::Value& value = *item.values()->Get(i);
      GRAPHRUN_ASSIGN(std::string value_name, name(value.name()));
      method.values.push_back({std::move(value_name), static_cast<Origin>(value.source() % 4),
                               static_cast<std::int32_t>(value.source() / 4)});
    }
    GRAPHRUN_TRY(charge(count(item.nodes()), sizeof(Node)));
    method.nodes.reserve(count(item.nodes()));
    flatbuffers::uoffset_t first = 0;
    for (flatbuffers::uoffset_t i = 0; i < count(item.nodes()); ++i) {
      GRAPHRUN_ASSIGN(Node node, parse_node(*item.nodes()->Get(i), item.operands(), first));
      first += static_cast<flatbuffers::uoffset_t>(node.inputs.size() + node.outputs.size());
      method.nodes.push_back(std::move(node));
    }
    if (first != count(item.operands())) return bad("operands are left over");
    GRAPHRUN_ASSIGN(method.outputs, named_values(item.outputs()));
    GRAPHRUN_ASSIGN(method.stores, named_values(item.stores()));
    return {};
  }

  // Pointers and colour of a red-black tree's node, and the allocator's own.
  static constexpr std::size_t kMapNodeBytes = 48;
  struct AttrSet {
    AttrMap attrs;
    std::uint64_t bytes = 0;  // of a copy
  };

  const fb::Model& file_;
  Model model_;
  std::uint64_t budget_ = static_cast<std::uint64_t>(kMaxModelBytes);
  std::vector<std::string> names_;
  std::vector<Expr> exprs_;
  std::vector<std::vector<std::uint32_t>> lists_;
  std::vector<AttrSet> attr_sets_;
  std::vector<Init> inits_;
};

// Optional inputs that an op gained at its end after the file was written are absent in it.
void add_absent_inputs(Model& model, const OpRegistry& registry) {
  for (Method& method : model.methods) {
    for (Node& node : method.nodes) {
      const OpDef* def = registry.find(node.op);
      while (def != nullptr && node.inputs.size() < def->inputs.size() &&
             def->inputs[node.inputs.size()].optional)
        node.inputs.push_back(kNoValue);
    }
  }
}

Result<Model> parse_aligned(std::span<const std::byte> bytes, const OpRegistry& registry) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), kMaxTableDepth, kMaxTables);
  if (!verifier.VerifyBuffer<fb::Model>(fb::ModelIdentifier())) {
    return bad("not a graphrun model, or a damaged one");
  }
  GRAPHRUN_ASSIGN(Model model, Parser(*fb::GetModel(data)).run());
  add_absent_inputs(model, registry);
  if (const Status status = validate(model, registry); !status.ok()) return bad(status.message());
  return model;
}

}  // namespace

Result<Model> parse_model(std::span<const std::byte> bytes, const OpRegistry& registry) try {
  if (bytes.size() > static_cast<std::size_t>(kMaxModelFileBytes)) {
    return bad("more than " + std::to_string(kMaxModelFileBytes) + " bytes");
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
  return parse_model(std::as_bytes(std::span(bytes)), registry).in(path);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::model
