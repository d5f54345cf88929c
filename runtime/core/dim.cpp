#include "graphrun/kernel/dim.h"

#include <algorithm>
#include <map>
#include <vector>

#include "graphrun/kernel/expr.h"
#include "runtime/core/checked.h"

namespace graphrun {
namespace {

enum class AtomKind { symbol, floor_div, remainder, min, max };

// Something the canonical form does not look into. `key` is its text, by which atoms are ordered and
// compared.
struct Atom {
  AtomKind kind;
  std::string key;
  std::vector<Dim> operands;
  int depth = 1;
};
using AtomPtr = std::shared_ptr<const Atom>;

struct Product {
  std::int64_t coefficient = 0;
  std::vector<AtomPtr> factors;  // sorted by key
};

std::string key_of(const std::vector<AtomPtr>& factors) {
  std::string key;
  for (const AtomPtr& factor : factors) {
    if (!key.empty()) key += "*";
    key += factor->key;
  }
  return key;
}

}  // namespace

struct Dim::Terms {
  std::map<std::string, Product> products;  // by key_of(factors); no coefficient is 0
  std::size_t bytes = 0;                    // of all keys
};

struct DimAlgebra {
  static const Dim::Terms* terms(const Dim& dim) { return dim.terms_.get(); }
  static std::int64_t constant(const Dim& dim) { return dim.constant_; }

  static int depth(const Dim& dim) {
    int depth = 0;
    if (dim.terms_ == nullptr) return depth;
    for (const auto& [key, product] : dim.terms_->products) {
      for (const AtomPtr& factor : product.factors) depth = std::max(depth, factor->depth);
    }
    return depth;
  }

  static Dim make(std::int64_t constant, Dim::Terms terms) {
    std::erase_if(terms.products, [](const auto& entry) { return entry.second.coefficient == 0; });
    if (terms.products.empty()) return Dim(constant);
    terms.bytes = 0;
    for (const auto& [key, product] : terms.products) terms.bytes += key.size();
    if (terms.products.size() > kMaxDimTerms || terms.bytes > kMaxDimText) return Dim::invalid();
    return Dim::from(constant, std::make_shared<const Dim::Terms>(std::move(terms)));
  }

  static Dim atom(AtomKind kind, std::string key, std::vector<Dim> operands) {
    int depth_below = 0;
    for (const Dim& operand : operands) depth_below = std::max(depth_below, depth(operand));
    if (depth_below >= kMaxDimDepth || key.size() > kMaxDimText) return Dim::invalid();
    auto atom =
        std::make_shared<const Atom>(Atom{kind, std::move(key), std::move(operands), depth_below + 1});
    Dim::Terms terms;
    terms.products[atom->key] = Product{1, {atom}};
    return make(0, std::move(terms));
  }

  // a + factor * b
  static Dim add(const Dim& a, const Dim& b, std::int64_t factor) {
    if (!a.valid_ || !b.valid_) return Dim::invalid();
    const auto scaled = core::checked_mul(b.constant_, factor);
    const auto constant = scaled ? core::checked_add(a.constant_, *scaled) : std::nullopt;
    if (!constant) return Dim::invalid();
    if (b.terms_ == nullptr || factor == 0) return Dim::from(*constant, a.terms_);
    if (a.terms_ == nullptr && factor == 1) return Dim::from(*constant, b.terms_);
    Dim::Terms sum = a.terms_ ? *a.terms_ : Dim::Terms{};
    for (const auto& [key, product] : b.terms_->products) {
      Product& target = sum.products[key];
      target.factors = product.factors;
      const auto more = core::checked_mul(product.coefficient, factor);
      const auto total = more ? core::checked_add(target.coefficient, *more) : std::nullopt;
      if (!total) return Dim::invalid();
      target.coefficient = *total;
    }
    return make(*constant, std::move(sum));
  }

  static Dim scale(const Dim& a, std::int64_t factor) { return add(Dim(0), a, factor); }

  static Dim multiply(const Dim& a, const Dim& b) {
    if (!a.valid_ || !b.valid_) return Dim::invalid();
    if (b.terms_ == nullptr) return scale(a, b.constant_);
    if (a.terms_ == nullptr) return scale(b, a.constant_);
    constexpr std::size_t kMaxProducts = 256;  // some may be equal or cancel out
    if (a.terms_->products.size() * b.terms_->products.size() > kMaxProducts) return Dim::invalid();
    Dim result = scale(Dim::from(0, a.terms_), b.constant_) + scale(b, a.constant_);
    for (const auto& [ka, pa] : a.terms_->products) {
      for (const auto& [kb, pb] : b.terms_->products) {
        const auto coefficient = core::checked_mul(pa.coefficient, pb.coefficient);
        if (!coefficient || pa.factors.size() + pb.factors.size() > 16) return Dim::invalid();
        Product product{*coefficient, pa.factors};
        product.factors.insert(product.factors.end(), pb.factors.begin(), pb.factors.end());
        std::ranges::sort(product.factors, {}, [](const AtomPtr& atom_ptr) { return atom_ptr->key; });
        std::string key = key_of(product.factors);
        if (key.size() > kMaxDimText) return Dim::invalid();
        Dim::Terms terms;
        terms.products[std::move(key)] = std::move(product);
        result = result + make(0, std::move(terms));
      }
    }
    return result;
  }

  static std::optional<std::int64_t> value(const Atom& atom, const Dim::Lookup& lookup) {
    if (atom.kind == AtomKind::symbol) return lookup(atom.key);
    const auto a = atom.operands[0].evaluate(lookup);
    const auto b = atom.operands[1].evaluate(lookup);
    if (!a || !b) return std::nullopt;
    switch (atom.kind) {
      case AtomKind::floor_div:
        return core::checked_floor_div(*a, *b);
      case AtomKind::remainder: {
        const auto q = core::checked_floor_div(*a, *b);
        const auto p = q ? core::checked_mul(*q, *b) : std::nullopt;
        return p ? core::checked_sub(*a, *p) : std::nullopt;
      }
      case AtomKind::min:
        return std::min(*a, *b);
      case AtomKind::max:
        return std::max(*a, *b);
      case AtomKind::symbol:
        break;
    }
    return std::nullopt;
  }

  static void append_token(Expr& expr, ExprOp op, std::int64_t integer = 0) {
    expr.tokens.push_back({op, integer, 0});
  }
  static void append(Expr& expr, const Dim& dim) {
    if (!dim.valid_) {
      append_token(expr, ExprOp::integer, 1);
      append_token(expr, ExprOp::integer, 0);
      append_token(expr, ExprOp::divide);
      return;
    }
    bool first = true;
    if (dim.terms_ != nullptr) {
      for (const auto& [key, product] : dim.terms_->products) {
        // The first term carries its sign in its factor, the others are added or subtracted.
        const bool subtract = !first && product.coefficient < 0 && product.coefficient != INT64_MIN;
        const std::int64_t coefficient = subtract ? -product.coefficient : product.coefficient;
        bool factor_before = coefficient != 1;
        if (factor_before) append_token(expr, ExprOp::integer, coefficient);
        for (const AtomPtr& factor : product.factors) {
          append(expr, *factor);
          if (factor_before) append_token(expr, ExprOp::multiply);
          factor_before = true;
        }
        if (!first) append_token(expr, subtract ? ExprOp::subtract : ExprOp::add);
        first = false;
      }
    }
    if (!first && dim.constant_ == 0) return;
    const bool subtract = !first && dim.constant_ < 0 && dim.constant_ != INT64_MIN;
    append_token(expr, ExprOp::integer, subtract ? -dim.constant_ : dim.constant_);
    if (!first) append_token(expr, subtract ? ExprOp::subtract : ExprOp::add);
  }
  static void append(Expr& expr, const Atom& atom) {
    if (atom.kind == AtomKind::symbol) {
      auto found = std::ranges::find(expr.symbols, atom.key);
      if (found == expr.symbols.end()) found = expr.symbols.insert(found, atom.key);
      append_token(expr, ExprOp::symbol, found - expr.symbols.begin());
      return;
    }
    for (const Dim& operand : atom.operands) append(expr, operand);
    append_token(expr, atom.kind == AtomKind::floor_div   ? ExprOp::divide
                       : atom.kind == AtomKind::remainder ? ExprOp::modulo
                       : atom.kind == AtomKind::min       ? ExprOp::minimum
                                                          : ExprOp::maximum);
  }

  // floor(floor(a / b) / c) = floor(a / (b c)) for positive b, c.
  static std::optional<Dim> merge_divisions(const Dim& a, std::int64_t c) {
    if (c <= 0 || a.constant_ != 0 || a.terms_ == nullptr || a.terms_->products.size() != 1)
      return std::nullopt;
    const Product& product = a.terms_->products.begin()->second;
    if (product.coefficient != 1 || product.factors.size() != 1) return std::nullopt;
    const Atom& inner = *product.factors[0];
    if (inner.kind != AtomKind::floor_div || !inner.operands[1].is_constant()) return std::nullopt;
    const std::int64_t b = inner.operands[1].constant();
    const auto divisor = b > 0 ? core::checked_mul(b, c) : std::nullopt;
    if (!divisor) return std::nullopt;
    return floor_div(inner.operands[0], Dim(*divisor));
  }

  static Dim replace(const Atom& atom, const std::function<std::optional<Dim>(std::string_view)>& lookup) {
    if (atom.kind == AtomKind::symbol) {
      if (auto found = lookup(atom.key)) return *std::move(found);
      return Dim::symbol(atom.key);
    }
    const Dim a = atom.operands[0].substitute(lookup);
    const Dim b = atom.operands[1].substitute(lookup);
    switch (atom.kind) {
      case AtomKind::floor_div:
        return floor_div(a, b);
      case AtomKind::remainder:
        return remainder(a, b);
      case AtomKind::min:
        return min(a, b);
      case AtomKind::max:
        return max(a, b);
      case AtomKind::symbol:
        break;
    }
    return Dim::invalid();
  }
};

Dim Dim::from(std::int64_t constant, std::shared_ptr<const Terms> terms) {
  Dim dim(constant);
  dim.terms_ = std::move(terms);
  return dim;
}

Dim Dim::invalid() {
  Dim dim;
  dim.valid_ = false;
  return dim;
}

Dim Dim::symbol(std::string_view name) { return DimAlgebra::atom(AtomKind::symbol, std::string(name), {}); }

std::optional<std::int64_t> Dim::evaluate(const Lookup& lookup) const {
  if (!valid_) return std::nullopt;
  std::int64_t sum = constant_;
  if (terms_ == nullptr) return sum;
  for (const auto& [key, product] : terms_->products) {
    std::int64_t value = product.coefficient;
    for (const AtomPtr& factor : product.factors) {
      const auto number = DimAlgebra::value(*factor, lookup);
      const auto multiplied = number ? core::checked_mul(value, *number) : std::nullopt;
      if (!multiplied) return std::nullopt;
      value = *multiplied;
    }
    const auto added = core::checked_add(sum, value);
    if (!added) return std::nullopt;
    sum = *added;
  }
  return sum;
}

Dim Dim::substitute(const std::function<std::optional<Dim>(std::string_view)>& lookup) const {
  if (!valid_ || terms_ == nullptr) return *this;
  Dim sum(constant_);
  for (const auto& [key, product] : terms_->products) {
    Dim value(product.coefficient);
    for (const AtomPtr& factor : product.factors) value = value * DimAlgebra::replace(*factor, lookup);
    sum = sum + value;
  }
  return sum;
}

std::size_t Dim::bytes() const {
  if (terms_ == nullptr) return 0;
  constexpr std::size_t kProductBytes = sizeof(std::pair<std::string, Product>) + 8 * sizeof(void*);
  return terms_->bytes + terms_->products.size() * kProductBytes;
}

Dim operator+(const Dim& a, const Dim& b) { return DimAlgebra::add(a, b, 1); }
Dim operator-(const Dim& a, const Dim& b) { return DimAlgebra::add(a, b, -1); }
Dim operator*(const Dim& a, const Dim& b) { return DimAlgebra::multiply(a, b); }

Dim floor_div(const Dim& a, const Dim& b) {
  if (!a.valid_ || !b.valid_) return Dim::invalid();
  if (a.is_constant() && b.is_constant()) {
    const auto q = core::checked_floor_div(a.constant_, b.constant_);
    return q ? Dim(*q) : Dim::invalid();
  }
  if (b == Dim(1)) return a;
  if (b.is_constant()) {
    if (auto merged = DimAlgebra::merge_divisions(a, b.constant())) return *std::move(merged);
  }
  return DimAlgebra::atom(AtomKind::floor_div, "(" + to_string(a) + ")/(" + to_string(b) + ")", {a, b});
}

Dim remainder(const Dim& a, const Dim& b) {
  if (!a.valid_ || !b.valid_) return Dim::invalid();
  if (a.is_constant() && b.is_constant()) return a - b * floor_div(a, b);
  return DimAlgebra::atom(AtomKind::remainder, "(" + to_string(a) + ")%(" + to_string(b) + ")", {a, b});
}

Dim min(const Dim& a, const Dim& b) {
  if (!a.valid_ || !b.valid_) return Dim::invalid();
  if (a.is_constant() && b.is_constant()) return {std::min(a.constant_, b.constant_)};
  if (a == b) return a;
  return DimAlgebra::atom(AtomKind::min, "min(" + to_string(a) + ", " + to_string(b) + ")", {a, b});
}

Dim max(const Dim& a, const Dim& b) {
  if (!a.valid_ || !b.valid_) return Dim::invalid();
  if (a.is_constant() && b.is_constant()) return {std::max(a.constant_, b.constant_)};
  if (a == b) return a;
  return DimAlgebra::atom(AtomKind::max, "max(" + to_string(a) + ", " + to_string(b) + ")", {a, b});
}

bool operator==(const Dim& a, const Dim& b) {
  if (!a.valid_ || !b.valid_ || a.constant_ != b.constant_) return false;
  if (a.terms_ == nullptr || b.terms_ == nullptr) return a.terms_ == b.terms_;
  return std::ranges::equal(a.terms_->products, b.terms_->products, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.coefficient == y.second.coefficient;
  });
}

Expr to_expr(const Dim& dim) {
  Expr expr;
  DimAlgebra::append(expr, dim);
  return expr;
}

std::string to_string(const Dim& dim) {
  if (!dim.valid()) return "?";
  const Dim::Terms* terms = DimAlgebra::terms(dim);
  std::string text;
  if (terms != nullptr) {
    for (const auto& [key, product] : terms->products) {
      const bool negative = product.coefficient < 0;
      if (!text.empty()) text += negative ? " - " : " + ";
      if (text.empty() && negative) text += "-";
      const std::string magnitude = std::to_string(product.coefficient).substr(negative ? 1 : 0);
      if (magnitude != "1") text += magnitude + "*";
      text += key;
    }
  }
  const std::int64_t constant = DimAlgebra::constant(dim);
  if (text.empty()) return std::to_string(constant);
  if (constant != 0)
    text += (constant < 0 ? " - " : " + ") + std::to_string(constant).substr(constant < 0 ? 1 : 0);
  return text;
}

}  // namespace graphrun
