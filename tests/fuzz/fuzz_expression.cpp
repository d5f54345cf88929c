#include "compiler/expression.h"
#include "tests/fuzz/input_file.h"

// The text of an expression, evaluated with known and with symbolic sizes. A dimension's own text means the
// same dimension.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const compiler::ParsedExpr parsed = compiler::parse_expression(fuzz::text_of(data, size));
  if (!parsed.error.empty()) {
    fuzz::require(parsed.offset <= size);
    return 0;
  }
  const auto symbolic = [](std::string_view name) { return std::optional(Number(Dim::symbol(name))); };
  const auto numeric = [](std::string_view name) {
    return std::optional(Number(Dim(static_cast<std::int64_t>(name.size() % 7) + 1)));
  };
  const Result<Number> number = evaluate(parsed.expr, numeric);
  const Result<Dim> dim = evaluate_dim(parsed.expr, symbolic);
  (void)to_string(parsed.expr);
  if (!dim.ok() || !dim->valid()) return 0;
  const Result<Dim> again = evaluate_dim(to_expr(*dim), symbolic);
  if (again.ok()) fuzz::require(*again == *dim);
  const auto value = dim->evaluate(
      [](std::string_view name) { return std::optional(static_cast<std::int64_t>(name.size() % 7) + 1); });
  const Dim* known = number.ok() ? std::get_if<Dim>(&*number) : nullptr;
  if (value && known != nullptr && known->is_constant()) fuzz::require(known->constant() == *value);
  return 0;
}
