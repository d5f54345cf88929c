#include "runtime/model/parse_pools.h"

#include "runtime/model/validate.h"

namespace graphrun::model {
namespace {

// Element `index` of a pool.
template <class T>
Result<const T*> at(const std::vector<T>& pool, std::uint32_t index, std::string_view what) {
  if (index < pool.size()) return &pool[index];
  return bad_file("there is no " + std::string(what) + " " + std::to_string(index));
}

}  // namespace

Status PoolReader::read() {
  GRAPHRUN_TRY(read_names());
  GRAPHRUN_TRY(read_exprs());
  GRAPHRUN_TRY(read_lists());
  GRAPHRUN_TRY(read_attr_sets());
  return read_inits();
}

Status PoolReader::charge(std::uint64_t items, std::uint64_t bytes_each) {
  // Neither factor reaches 2^32: both come from 32-bit sizes of the file or from sizeof.
  const std::uint64_t bytes = items * bytes_each;
  if (bytes > budget_) return bad_file("the model expands to more than " + std::to_string(limit_) + " bytes");
  budget_ -= bytes;
  return {};
}

Status PoolReader::charge_copy(const Expr& expr) {
  GRAPHRUN_TRY(charge(expr.tokens.size(), sizeof(Expr::Token)));
  for (const std::string& symbol : expr.symbols) GRAPHRUN_TRY(charge(1, sizeof(symbol) + symbol.size()));
  return {};
}

Result<std::string> PoolReader::text(const flatbuffers::String* item) {
  if (item == nullptr) return std::string();
  GRAPHRUN_TRY(charge(item->size(), 1));
  return item->str();
}

Result<std::string> PoolReader::name(std::uint32_t reference) {
  GRAPHRUN_ASSIGN(const std::string* found, at(names_, reference, "name"));
  GRAPHRUN_TRY(charge(found->size(), 1));
  return *found;
}

Result<Expr> PoolReader::expr(std::uint32_t index) {
  GRAPHRUN_ASSIGN(const Expr* found, at(exprs_, index, "expression"));
  GRAPHRUN_TRY(charge_copy(*found));
  return *found;
}

Result<std::vector<Expr>> PoolReader::list(std::uint32_t index) {
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

Status PoolReader::read_names() {
  GRAPHRUN_TRY(charge(count(file_.names()) + 1ULL, sizeof(std::string)));
  names_.reserve(count(file_.names()) + std::size_t{1});
  names_.emplace_back();
  for (flatbuffers::uoffset_t i = 0; i < count(file_.names()); ++i) {
    const fb::Name& item = *file_.names()->Get(i);
    GRAPHRUN_ASSIGN(std::string full, name(item.parent()));
    if (item.leaf() >= count(file_.strings()))
      return bad_file("there is no string " + std::to_string(item.leaf()));
    const flatbuffers::String* leaf = file_.strings()->Get(item.leaf());
    if (full.size() + leaf->size() > kMaxNameLength) {
      return bad_file("a name of more than " + std::to_string(kMaxNameLength) + " bytes");
    }
    GRAPHRUN_TRY(charge(leaf->size(), 1));
    names_.push_back(full.append(leaf->data(), leaf->size()));
  }
  return {};
}

Result<Expr> PoolReader::parse_expr(const fb::Expr& item) {
  if (count(item.ops()) > kMaxExprTokens || count(item.symbols()) > kMaxExprTokens) {
    return bad_file("more than " + std::to_string(kMaxExprTokens) + " parts");
  }
  Expr expr;
  GRAPHRUN_TRY(charge(count(item.ops()), sizeof(Expr::Token)));
  flatbuffers::uoffset_t integers = 0;
  flatbuffers::uoffset_t reals = 0;
  for (flatbuffers::uoffset_t i = 0; i < count(item.ops()); ++i) {
    Expr::Token token{static_cast<ExprOp>(item.ops()->Get(i)), 0, 0};
    if (token.op == ExprOp::integer || token.op == ExprOp::symbol) {
      if (integers >= count(item.integers())) return bad_file("an integer is missing");
      token.integer = element(*item.integers(), integers++);
    } else if (token.op == ExprOp::real) {
      if (reals >= count(item.reals())) return bad_file("a real number is missing");
      token.real = element(*item.reals(), reals++);
    }
    expr.tokens.push_back(token);
  }
  if (integers != count(item.integers()) || reals != count(item.reals()))
    return bad_file("numbers are left over");
  GRAPHRUN_TRY(charge(count(item.symbols()), sizeof(std::string)));
  for (flatbuffers::uoffset_t i = 0; i < count(item.symbols()); ++i) {
    GRAPHRUN_ASSIGN(std::string symbol, name(item.symbols()->Get(i)));
    expr.symbols.push_back(std::move(symbol));
  }
  return expr;
}

Status PoolReader::read_exprs() {
  GRAPHRUN_TRY(charge(count(file_.exprs()), sizeof(Expr)));
  for (flatbuffers::uoffset_t i = 0; i < count(file_.exprs()); ++i) {
    GRAPHRUN_ASSIGN(Expr expr,
                    parse_expr(*file_.exprs()->Get(i)).with_context("expression " + std::to_string(i)));
    exprs_.push_back(std::move(expr));
  }
  return {};
}

Status PoolReader::read_lists() {
  GRAPHRUN_TRY(charge(count(file_.lists()), sizeof(lists_[0])));
  for (flatbuffers::uoffset_t i = 0; i < count(file_.lists()); ++i) {
    const auto* items = file_.lists()->Get(i)->exprs();
    if (count(items) > kMaxListLength)
      return bad_file("a list of " + std::to_string(count(items)) + " numbers");
    GRAPHRUN_TRY(charge(count(items), sizeof(std::uint32_t)));
    std::vector<std::uint32_t>& list = lists_.emplace_back();
    for (flatbuffers::uoffset_t k = 0; k < count(items); ++k) list.push_back(items->Get(k));
  }
  return {};
}

Result<AttrValue> PoolReader::attr_value(const fb::Attr& attr) {
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
      return bad_file("an attribute of unknown kind " + std::to_string(attr.kind()));
  }
}

Status PoolReader::read_attr_sets() {
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
        return bad_file("attribute \"" + attr_name + "\" appears twice");
      }
    }
    set.bytes = before - budget_;
  }
  return {};
}

Status PoolReader::read_inits() {
  GRAPHRUN_TRY(charge(count(file_.inits()), sizeof(AttrSet)));
  for (flatbuffers::uoffset_t i = 0; i < count(file_.inits()); ++i) {
    const fb::Init& item = *file_.inits()->Get(i);
    if (item.kind() > UINT8_MAX) return bad_file("an unknown initialiser");
    Init init;
    init.kind = static_cast<InitKind>(item.kind());
    GRAPHRUN_ASSIGN(init.a, expr(item.a()));
    GRAPHRUN_ASSIGN(init.b, expr(item.b()));
    GRAPHRUN_ASSIGN(init.fan_in, expr(item.fan_in()));
    inits_.push_back(std::move(init));
  }
  return {};
}

Result<Expr> PoolReader::optional_expr(std::uint32_t reference) {
  if (reference == 0) return Expr();
  return expr(reference - 1);
}

Result<AttrMap> PoolReader::attrs(std::uint32_t index) {
  GRAPHRUN_ASSIGN(const AttrSet* set, at(attr_sets_, index, "set of attributes"));
  GRAPHRUN_TRY(charge(set->bytes, 1));
  return set->attrs;
}

Result<Init> PoolReader::init(std::uint32_t index) {
  GRAPHRUN_ASSIGN(const Init* init, at(inits_, index, "initialiser"));
  for (const Expr* part : {&init->a, &init->b, &init->fan_in}) {
    GRAPHRUN_TRY(charge_copy(*part));
  }
  return *init;
}

}  // namespace graphrun::model
