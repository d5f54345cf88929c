#include "compiler/expression.h"
#include "tests/fuzz/input_file.h"

// The text of an expression, evaluated with known and with symbolic sizes. A dimension's own text means the
// same dimension, and sizes may be put in before or after it is evaluated.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const compiler::ParsedExpr parsed = compiler::parse_expression(fuzz::text_of(data, size));
  if (!parsed.error.empty()) {
    fuzz::require(parsed.offset <= size);
    return 0;
  }
  const auto symbolic = [](std::string_view name) { return std::optional(Number(Dim::symbol(name))); };
  const auto size_of = [](std::string_view name) { return static_cast<std::int64_t>(name.size() % 7) + 1; };
  const auto numeric = [&](std::string_view name) { return std::optional(Number(Dim(size_of(name)))); };
  const Result<Number> number = evaluate(parsed.expr, numeric);
  const Result<Dim> dim = evaluate_dim(parsed.expr, symbolic);
  (void)to_string(parsed.expr);
  const Result<Expr> folded = compiler::fold(compiler::substitute(
      parsed.expr, [&](const std::string& name) { return std::optional(Expr(size_of(name))); }));
  if (number.ok() && folded.ok()) {
    const Result<Number> again = evaluate(*folded, numeric);
    fuzz::require(again.ok() && again->index() == number->index());
    if (const Dim* before = std::get_if<Dim>(&*number)) fuzz::require(std::get<Dim>(*again) == *before);
  }
  if (!dim.ok() || !dim->valid()) return 0;
  const Result<Dim> again = evaluate_dim(to_expr(*dim), symbolic);
  if (again.ok()) fuzz::require(*again == *dim);
  const auto value = dim->evaluate([&](std::string_view name) { return std::optional(size_of(name)); });
  const Dim filled =
      dim->substitute([&](std::string_view name) { return std::optional(Dim(size_of(name))); });
  if (value && filled.valid()) fuzz::require(filled.is_constant() && filled.constant() == *value);
  const Dim* known = number.ok() ? std::get_if<Dim>(&*number) : nullptr;
  if (value && known != nullptr && known->is_constant()) fuzz::require(known->constant() == *value);
  return 0;
}
