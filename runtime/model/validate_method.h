#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "runtime/model/validate.h"

// Pieces of validate_structure().
namespace graphrun::model {

// 1 to kMaxNameLength bytes, no control characters.
Status check_name(std::string_view name);

// Names that appear once; the strings must outlive this.
class UniqueNames {
 public:
  Status insert(std::string_view name);

 private:
  std::unordered_set<std::string_view> seen_;
};

// Expressions that are well formed and use known symbols only.
class ExprChecker {
 public:
  // Known are the model's graph parameters and `dims`.
  ExprChecker(const Model& model, std::span<const std::string> dims);
  Status check(const Expr& expr) const;

 private:
  std::unordered_set<std::string_view> symbols_;
};

// Precondition: the model's inputs and variables are right. `constants` knows the graph parameters, `exprs`
// also the dims of the inputs.
Status validate_method(const Model& model, const Method& method, const OpRegistry& registry,
                       const ExprChecker& constants, const ExprChecker& exprs);

}  // namespace graphrun::model
