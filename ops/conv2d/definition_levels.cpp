#include "ops/common/interpolation.h"
#include "ops/concat/names.h"
#include "ops/conv2d/levels.h"
#include "ops/resize/names.h"

namespace graphrun::ops::conv2d {
namespace {

// The member that is not resized; the first where all are.
std::size_t place_of_x(const Node& concat, const GraphReader& graph) {
  for (std::size_t i = 0; i < concat.inputs.size(); ++i) {
    if (sole_producer(graph, concat.inputs[i], resize::kResize) == nullptr) return i;
  }
  return 0;
}

}  // namespace

AttrSpec place_attr() {
  return {.name = "place",
          .kind = AttrKind::integer,
          .doc = "how many levels stand before x in the concatenation",
          .fallback = Expr(0),
          .min = 0,
          .max = 1 << 16,
          .structural = true};
}

std::int64_t place_of(const AttrMap& attrs) {
  const auto place = attrs.find("place");
  if (place == attrs.end()) return 0;
  const Result<Dim> value =
      evaluate_dim(std::get<Expr>(place->second), [](std::string_view) { return std::optional<Number>(); });
  return value.ok() && value->is_constant() ? value->constant() : 0;
}

std::optional<Concatenation> resized_concatenation(ValueId value, const GraphReader& graph) {
  const Node* concat = sole_producer(graph, value, concat::kConcat);
  if (concat == nullptr || concat->inputs.size() < 2) return std::nullopt;
  const std::size_t place = place_of_x(*concat, graph);
  Concatenation joined{concat->inputs[place], {}, {}};
  if (place > 0) joined.attrs["place"] = Expr(static_cast<std::int64_t>(place));
  for (std::size_t i = 0; i < concat->inputs.size(); ++i) {
    if (i == place) continue;
    const Node* resize = sole_producer(graph, concat->inputs[i], resize::kResize);
    if (resize == nullptr) return std::nullopt;
    if (joined.levels.empty()) joined.attrs.merge(pick_interpolation(resize->attrs));
    if (interpolation_of(resize->attrs) != interpolation_of(joined.attrs)) return std::nullopt;
    joined.levels.push_back(resize->inputs[0]);
  }
  return joined;
}

}  // namespace graphrun::ops::conv2d
