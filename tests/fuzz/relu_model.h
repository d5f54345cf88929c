#pragma once

#include "runtime/model/graph.h"

namespace graphrun::fuzz {

// A network of one node on an image of any size, for what is read beside a network.
inline model::Model relu_model() {
  model::Model model;
  model.name = "relu";
  model.inputs = {{"x", DType::f32, {Expr::symbol("N"), Expr(3), Expr::symbol("H"), Expr::symbol("W")}}};
  model::Method& eval = model.methods.emplace_back();
  eval.name = model::methods::kEval;
  eval.values = {{"x", model::Origin::input, 0}, {"y", model::Origin::node, 0}};
  eval.nodes.push_back({"relu", "relu", {}, {0}, {1}});
  eval.outputs = {{"y", 1}};
  return model;
}

}  // namespace graphrun::fuzz
