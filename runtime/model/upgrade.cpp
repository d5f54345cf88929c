#include "runtime/model/upgrade.h"

#include <algorithm>
#include <charconv>

#include "runtime/model/make_signature.h"

namespace graphrun::model {
namespace {

GraphParameter* find(Model& model, std::string_view name) {
  const auto found = std::ranges::find(model.parameters, name, &GraphParameter::name);
  return found == model.parameters.end() ? nullptr : &*found;
}

// The training crop's side that the model's own settings give; empty without one.
std::optional<std::int64_t> own_crop(const Model& model, const std::string& setting) {
  const auto found = model.settings.find(setting);
  if (found == model.settings.end()) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

// ((crop - 1) / (8 * shrink) + 1) places on each side of the attention's map; without `compact` twice as many
// offsets, less one.
Expr spanning_mask(const std::string& crop, std::int64_t shrink, bool compact) {
  constexpr std::int64_t kStride = 8;
  const auto integer = [](std::int64_t value) { return Expr::Token{ExprOp::integer, value, 0}; };
  const auto apply = [](ExprOp op) { return Expr::Token{op, 0, 0}; };
  Expr expr = Expr::symbol(crop);
  const auto push = [&](std::initializer_list<Expr::Token> tokens) {
    expr.tokens.insert(expr.tokens.end(), tokens);
  };
  push({integer(1), apply(ExprOp::subtract), integer(kStride * shrink), apply(ExprOp::divide), integer(1),
        apply(ExprOp::add)});
  if (!compact) push({integer(2), apply(ExprOp::multiply), integer(1), apply(ExprOp::subtract)});
  return expr;
}

// A mask whose value is another than its own crop's was chosen by -D, unless it is compact, where the default
// was a number that did not know of it.
void follow_crop(Model& model, const char* mask, const char* crop) {
  GraphParameter* const parameter = find(model, mask);
  if (parameter == nullptr || parameter->structural || parameter->value == 0) return;
  constexpr double kMaxShrink = 1e6;
  const GraphParameter* const shrink = find(model, "shrink_factor");
  const bool usable = shrink != nullptr && shrink->value >= 1 && shrink->value <= kMaxShrink;
  const GraphParameter* const compact = find(model, "compact");
  const bool is_compact = compact != nullptr && compact->value != 0;
  parameter->from = spanning_mask(crop, usable ? static_cast<std::int64_t>(shrink->value) : 1, is_compact);
  const std::optional<std::int64_t> own = own_crop(model, crop);
  if (is_compact || !own) return;
  const Result<double> spanning =
      evaluate_real(parameter->from, [&](std::string_view) { return std::optional(Number(Dim(*own))); });
  parameter->chosen = !spanning.ok() || *spanning != parameter->value;
}

}  // namespace

Status upgrade_from_version_1(Model& model, const OpRegistry& registry) {
  constexpr std::size_t kChannels = 3;
  if (model.preprocess.mean.size() != kChannels)
    return {ErrorCode::invalid_argument, "preprocess: mean and std must have 3 numbers each"};
  model.signature = make_signature(model, registry);
  // Images of other than 3 channels could not be run, so their preprocessing was never applied.
  if (const Port* image = model.signature.input(roles::kImage); image != nullptr) {
    const Result<Dim> channels = evaluate_dim(image->channels, model.parameter_values());
    const auto count = channels.ok() ? static_cast<std::size_t>(channels->constant()) : 0;
    if (count != model.preprocess.mean.size())
      model.preprocess = {1, std::vector<double>(count, 0), std::vector<double>(count, 1)};
  }
  follow_crop(model, "mask_h", "train_h");
  follow_crop(model, "mask_w", "train_w");
  return {};
}

}  // namespace graphrun::model
