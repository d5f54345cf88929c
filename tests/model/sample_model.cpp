#include "tests/model/sample_model.h"

#include <algorithm>
#include <tuple>

#include "runtime/model/make_signature.h"

namespace graphrun::test {
namespace {

using Inputs = std::span<const ValueType* const>;
using Outputs = std::vector<ValueType>;

Status infer_same(const Attributes&, Inputs inputs, Outputs& outputs) {
  outputs = {*inputs[0]};
  return {};
}

Status infer_project(const Attributes& attrs, Inputs inputs, Outputs& outputs) {
  GRAPHRUN_TRY(require_equal(attrs.dim("channels"), inputs[1]->shape[0], "weight's outputs"));
  GRAPHRUN_TRY(require_equal(inputs[0]->shape[1], inputs[1]->shape[1], "weight's inputs"));
  outputs = {*inputs[0]};
  outputs[0].shape[1] = attrs.dim("channels");
  for (const std::size_t axis : {2, 3}) {
    outputs[0].shape[axis] = floor_div(outputs[0].shape[axis] - 1, attrs.integer("stride")) + 1;
  }
  return {};
}

Status infer_pool(const Attributes&, Inputs inputs, Outputs& outputs) {
  outputs = {*inputs[0], *inputs[0]};
  outputs[1].dtype = DType::u8;
  return {};
}

Status infer_resize(const Attributes& attrs, Inputs inputs, Outputs& outputs) {
  outputs = {*inputs[0]};
  outputs[0].shape[2] = attrs.dims("size")[0];
  outputs[0].shape[3] = attrs.dims("size")[1];
  return {};
}

Status infer_join(const Attributes&, Inputs inputs, Outputs& outputs) {
  outputs = {*inputs[0]};
  for (const ValueType* input : inputs.subspan(1)) {
    outputs[0].shape[1] = outputs[0].shape[1] + input->shape[1];
  }
  return {};
}

Status infer_mean(const Attributes&, Inputs, Outputs& outputs) {
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

Status infer_weight_gradient(const Attributes&, Inputs inputs, Outputs& outputs) {
  outputs = {*inputs[1]};
  return {};
}

Status infer_track(const Attributes&, Inputs inputs, Outputs& outputs) {
  outputs = {*inputs[1]};
  return {};
}

Status infer_nothing(const Attributes&, Inputs, Outputs&) { return {}; }

OpDef make_op(std::string_view name, std::vector<InputSpec> inputs, std::vector<std::string_view> outputs,
              OpDef::Infer infer) {
  OpDef def;
  def.name = name;
  def.inputs = std::move(inputs);
  for (const std::string_view output : outputs) def.outputs.push_back({.name = output, .doc = ""});
  def.infer = infer;
  return def;
}

InputSpec make_input(std::string_view name, OperandType type = {}) {
  return {.name = name, .doc = "", .type = type};
}

OpDef with_output_type(OpDef def, OperandType type) {
  def.outputs.back().type = type;
  return def;
}

OpDef make_pool() {
  OpDef def = with_output_type(make_op("pool", {make_input("x")}, {"y", "index"}, infer_pool),
                               OperandType::nhwc(DType::u8));
  def.outputs.back().optional = true;
  return def;
}

AttrSpec make_attr(std::string_view name, AttrKind kind, std::optional<AttrValue> fallback, double min = 0,
                   double max = 1e9) {
  return {name, kind, "", std::move(fallback), min, max};
}

OpDef make_project() {
  const InputSpec weight{
      .name = "weight", .doc = "", .type = OperandType::dense(DType::f32, 4), .is_variable = true};
  const InputSpec bias{.name = "bias",
                       .doc = "",
                       .type = OperandType::dense(DType::f32, 1),
                       .is_variable = true,
                       .if_attribute = "bias"};
  const InputSpec residual{.name = "residual", .doc = "", .optional = true};
  OpDef def = make_op("project", {make_input("x"), weight, bias, residual}, {"y"}, infer_project);
  def.attrs = {make_attr("channels", AttrKind::integer, std::nullopt, 1),
               make_attr("stride", AttrKind::integer, Expr(1), 1, 8),
               make_attr("bias", AttrKind::boolean, Expr(0), 0, 1),
               make_attr("eps", AttrKind::real, Expr(1e-5)),
               make_attr("mode", AttrKind::text, std::string("none"))};
  def.attrs.back().choices = {"none", "relu"};
  return def;
}

OpDef make_resize() {
  OpDef def = make_op("resize", {make_input("x")}, {"y"}, infer_resize);
  def.attrs = {make_attr("size", AttrKind::integers, std::nullopt, 1)};
  def.attrs[0].length = 2;
  def.attrs[0].symbolic = true;
  return def;
}

OpDef make_track() {
  const OperandType statistics = OperandType::dense(DType::f32);
  const InputSpec running{.name = "running",
                          .doc = "",
                          .type = statistics,
                          .is_variable = true,
                          .variable = VariableKind::buffer};
  OpDef def = with_output_type(make_op("track", {make_input("x"), running}, {"new_running"}, infer_track),
                               statistics);
  def.updates = {{0, 1}};
  return def;
}

OpDef make_step() {
  const InputSpec values{
      .name = "values", .doc = "", .type = OperandType::dense(DType::f32), .variadic = true};
  OpDef def = make_op("step", {make_input("lr", OperandType::scalar(DType::f32)), values}, {}, infer_nothing);
  def.attrs = {make_attr("lr_mult", AttrKind::reals, std::nullopt)};
  def.writes_inputs = true;
  return def;
}

std::vector<const OpDef*> definitions() {
  const InputSpec many{.name = "x", .doc = "", .variadic = true};
  const OperandType weight_type = OperandType::dense(DType::f32, 4);
  const InputSpec weight{.name = "weight", .doc = "", .type = weight_type, .shape_only = true};
  static const std::vector<OpDef> ops{make_op("relu", {make_input("x")}, {"y"}, infer_same),
                                      make_pool(),
                                      make_op("join", {many}, {"y"}, infer_join),
                                      with_output_type(make_op("mean", {make_input("x")}, {"y"}, infer_mean),
                                                       OperandType::scalar(DType::f32)),
                                      with_output_type(make_op("weight_gradient", {make_input("gy"), weight},
                                                               {"gweight"}, infer_weight_gradient),
                                                       weight_type),
                                      make_project(),
                                      make_resize(),
                                      make_track(),
                                      make_step()};
  std::vector<const OpDef*> defs;
  for (const OpDef& def : ops) defs.push_back(&def);
  return defs;
}

// Adds nodes and values to a method and keeps their numbers right.
class Builder {
 public:
  explicit Builder(model::Method& method) : method_(method) {}

  ValueId leaf(std::string name, model::Origin origin, std::int32_t index) {
    method_.values.push_back({std::move(name), origin, index});
    return static_cast<ValueId>(method_.values.size() - 1);
  }

  // `outputs` values, of which the first is returned.
  ValueId node(const std::string& path, const std::string& op, AttrMap attrs, std::vector<ValueId> inputs,
               int outputs = 1) {
    Node node{path, op, std::move(attrs), std::move(inputs), {}};
    for (int i = 0; i < outputs; ++i) {
      const std::string suffix = i == 0 ? "" : ".out" + std::to_string(i);
      node.outputs.push_back(
          leaf(path + suffix, model::Origin::node, static_cast<std::int32_t>(method_.nodes.size())));
    }
    method_.nodes.push_back(std::move(node));
    return outputs == 0 ? kNoValue : method_.nodes.back().outputs[0];
  }

 private:
  model::Method& method_;
};

model::Variable variable(std::string name, VariableKind kind, std::vector<Expr> shape, std::int32_t of = -1) {
  return {std::move(name), kind, DType::f32, std::move(shape), {}, of};
}

Expr binary(ExprOp op, const std::string& symbol, std::int64_t number) {
  Expr expr = Expr::symbol(symbol);
  expr.tokens.push_back({ExprOp::integer, number, 0});
  expr.tokens.push_back({op, 0, 0});
  return expr;
}

bool equal_init(const Init& a, const Init& b) {
  return a.kind == b.kind && a.a == b.a && a.b == b.b && a.fan_in == b.fan_in;
}

template <class T, class Same>
bool all_equal(const std::vector<T>& a, const std::vector<T>& b, const Same& same) {
  return std::ranges::equal(a, b, same);
}

bool equal_named(const model::NamedValue& a, const model::NamedValue& b) {
  return a.name == b.name && a.value == b.value;
}

bool equal_method(const model::Method& a, const model::Method& b) {
  return a.name == b.name &&
         all_equal(a.values, b.values,
                   [](const model::Value& x, const model::Value& y) {
                     return std::tie(x.name, x.origin, x.index) == std::tie(y.name, y.origin, y.index);
                   }) &&
         all_equal(a.nodes, b.nodes,
                   [](const Node& x, const Node& y) {
                     return std::tie(x.path, x.op, x.attrs, x.inputs, x.outputs) ==
                            std::tie(y.path, y.op, y.attrs, y.inputs, y.outputs);
                   }) &&
         all_equal(a.outputs, b.outputs, equal_named) && all_equal(a.stores, b.stores, equal_named);
}

}  // namespace

const OpRegistry& sample_registry() {
  static const OpRegistry registry(definitions());
  return registry;
}

model::Model sample_model() {
  model::Model model;
  model.name = "sample";
  model.doc = "A network of three layers.";
  model.parameters = {{"classes", 3, true, false, 1, 1000, "number of classes"},
                      {"layers", 50, true, true, 0, 0, ""},
                      {"rate", 0.25, false, false, 0, 1, ""}};
  const Expr n = Expr::symbol("N");
  const Expr h = Expr::symbol("H");
  const Expr w = Expr::symbol("W");
  model.inputs = {
      {"image", DType::f32, {n, 3, h, w}}, {"label", DType::i32, {n, h, w}}, {"lr", DType::f32, {}}};
  Expr condition = binary(ExprOp::subtract, "H", 1);
  for (const Expr::Token& token : {Expr::Token{ExprOp::integer, 8, 0}, Expr::Token{ExprOp::modulo, 0, 0},
                                   Expr::Token{ExprOp::integer, 0, 0}, Expr::Token{ExprOp::equal, 0, 0}}) {
    condition.tokens.push_back(token);
  }
  model.requirements = {{condition, "eight pixels become one"}};

  const Expr classes = Expr::symbol("classes");
  model::Variable weight = variable("body.conv1.weight", VariableKind::parameter, {8, 3, 1, 1});
  weight.init = {InitKind::kaiming_normal_fan_out, 0.0, 0.0, 0};
  model::Variable head = variable("head.conv.weight", VariableKind::parameter, {classes, 8, 1, 1});
  head.init = {InitKind::normal, 0.0, 0.01, 0};
  model::Variable bias = variable("head.conv.bias", VariableKind::parameter, {classes});
  bias.init = {InitKind::uniform_fan_in, 0.0, 0.0, 8};
  model.variables = {weight,
                     head,
                     bias,
                     variable("body.bn1.running_mean", VariableKind::buffer, {8}),
                     variable("body.conv1.weight.gradient", VariableKind::gradient, {8, 3, 1, 1}, 0),
                     variable("body.conv1.weight.momentum", VariableKind::optimizer_state, {8, 3, 1, 1}, 0)};

  for (const std::string name : {"eval", "train"}) {
    model::Method& method = model.methods.emplace_back();
    method.name = name;
    Builder build(method);
    const ValueId image = build.leaf("image", model::Origin::input, 0);
    const ValueId conv1 = build.leaf("body.conv1.weight", model::Origin::variable, 0);
    const ValueId head_weight = build.leaf("head.conv.weight", model::Origin::variable, 1);
    const ValueId head_bias = build.leaf("head.conv.bias", model::Origin::variable, 2);
    const ValueId x = build.node("body.conv1", "project", {{"channels", 8}, {"stride", 2}},
                                 {image, conv1, kNoValue, kNoValue});
    const ValueId y = build.node("body.relu1", "relu", {}, {x});
    const ValueId small = build.node("head.conv", "project",
                                     {{"channels", classes},
                                      {"bias", 1},
                                      {"mode", std::string("relu")},
                                      {"eps", binary(ExprOp::multiply, "rate", 2)}},
                                     {y, head_weight, head_bias, kNoValue});
    const ValueId logits = build.node("head.resize", "resize", {{"size", std::vector<Expr>{h, w}}}, {small});
    if (name == "eval") {
      method.outputs = {{"logits", logits}};
      continue;
    }
    const ValueId running = build.leaf("body.bn1.running_mean", model::Origin::variable, 3);
    build.node("body.pool", "pool", {}, {y}, 2);
    method.nodes.back().outputs[1] = kNoValue;
    method.values.pop_back();
    const ValueId joined = build.node("body.join", "join", {}, {y, x, method.nodes.back().outputs[0]});
    const ValueId loss = build.node("loss", "mean", {}, {joined});
    const ValueId gradient = build.node("body.conv1.gradient", "weight_gradient", {}, {y, conv1});
    build.node("body.bn1", "track", {}, {y, running});
    method.outputs = {{"loss", loss}, {"logits", logits}};
    method.stores = {{"body.conv1.weight.gradient", gradient}};
  }
  model::Method& update = model.methods.emplace_back();
  update.name = "update";
  Builder build(update);
  const ValueId lr = build.leaf("lr", model::Origin::input, 2);
  std::vector<ValueId> values{lr};
  for (const std::int32_t index : {0, 4, 5}) {
    values.push_back(
        build.leaf(model.variables[static_cast<std::size_t>(index)].name, model::Origin::variable, index));
  }
  build.node("sgd", "step", {{"lr_mult", std::vector<Expr>{1.0, 10.0}}}, values, 0);

  model.preprocess = {255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  model.class_names = {"sky", "road", "car"};
  model.palette = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  model.settings = {{"base_lr", "0.01"}, {"scales", "[0.5, 1]"}};
  model.metadata = {{"calibration", R"({"temperature": 1.25})"}};
  model.required_ops = {{"sample", "1.2", {"project", "join"}}};
  model.protocol = model::LabellingProtocol{"slide", 473, 465, 512, {0.5, 1}, false};
  model.parameters[2].from = binary(ExprOp::divide, "base_lr", 4);
  model.parameters[2].chosen = true;
  model.methods[0].quantised = {{1, 8, true, 0, {0.5F, 0.25F}, {}}, {0, 8, false, -1, {0.125F}, {128}}};
  model.signature = model::make_signature(model, sample_registry());
  model.signature.outputs[0].properties = {{"unit", "\"score\""}};
  return model;
}

model::Model large_model() {
  model::Model model;
  model.name = "large";
  model.inputs = {{"image", DType::f32, {Expr::symbol("N"), 64, Expr::symbol("H"), Expr::symbol("W")}}};
  constexpr int kLayers = 250;
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string scope =
        "pretrained.layer" + std::to_string(layer / 60 + 1) + "." + std::to_string(layer / 4 % 15) + ".conv";
    const std::string path = scope + std::to_string(layer % 4) + "_" + std::to_string(layer);
    for (const std::string kind : {".weight", ".scale"}) {
      const auto owner = static_cast<std::int32_t>(model.variables.size());
      const std::vector<Expr> shape{64, 64, 1, 1};
      model.variables.push_back(variable(path + kind, VariableKind::parameter, shape));
      model.variables.push_back(variable(path + kind + ".gradient", VariableKind::gradient, shape, owner));
      model.variables.push_back(
          variable(path + kind + ".momentum", VariableKind::optimizer_state, shape, owner));
    }
  }
  for (const std::string name : {"eval", "train"}) {
    model::Method& method = model.methods.emplace_back();
    method.name = name;
    Builder build(method);
    ValueId x = build.leaf("image", model::Origin::input, 0);
    for (std::int32_t variable_index = 0; variable_index < kLayers * 6; variable_index += 3) {
      const std::string& weight_name = model.variables[static_cast<std::size_t>(variable_index)].name;
      const std::string path =
          weight_name.substr(0, weight_name.rfind('.')) + (variable_index % 2 == 0 ? "" : ".norm");
      const ValueId weight = build.leaf(weight_name, model::Origin::variable, variable_index);
      x = build.node(path, "project", {{"channels", 64}, {"stride", 1 + variable_index % 2}},
                     {x, weight, kNoValue, kNoValue});
      if (name == "eval") continue;
      const ValueId gradient = build.node(path + ".gradient.weight", "weight_gradient", {}, {x, weight});
      method.stores.push_back({weight_name + ".gradient", gradient});
    }
    method.outputs = {{"logits", x}};
  }
  return model;
}

namespace {

auto fields(const model::Port& port) {
  return std::tie(port.name, port.method, port.role, port.head, port.dtype, port.rank, port.channels,
                  port.classes, port.stride, port.interpolation, port.align_corners, port.properties);
}

auto fields(const model::QuantisedValue& value) {
  return std::tie(value.value, value.bits, value.is_signed, value.axis, value.scales, value.zero_points);
}

}  // namespace

bool equal(const model::Model& a, const model::Model& b) {
  const auto parameter = [](const model::GraphParameter& x, const model::GraphParameter& y) {
    return std::tie(x.name, x.value, x.integer, x.structural, x.min, x.max, x.doc, x.from, x.chosen) ==
           std::tie(y.name, y.value, y.integer, y.structural, y.min, y.max, y.doc, y.from, y.chosen);
  };
  const auto same_fields = [](const auto& x, const auto& y) { return fields(x) == fields(y); };
  const auto same_hints = [&](const model::Method& x, const model::Method& y) {
    return all_equal(x.quantised, y.quantised, same_fields);
  };
  const auto input = [](const model::Input& x, const model::Input& y) {
    return std::tie(x.name, x.dtype, x.shape) == std::tie(y.name, y.dtype, y.shape);
  };
  const auto requirement = [](const model::Requirement& x, const model::Requirement& y) {
    return x.condition == y.condition && x.because == y.because;
  };
  const auto same_variable = [](const model::Variable& x, const model::Variable& y) {
    return std::tie(x.name, x.kind, x.dtype, x.shape, x.of) ==
               std::tie(y.name, y.kind, y.dtype, y.shape, y.of) &&
           equal_init(x.init, y.init);
  };
  return a.name == b.name && a.doc == b.doc && all_equal(a.parameters, b.parameters, parameter) &&
         all_equal(a.inputs, b.inputs, input) && all_equal(a.requirements, b.requirements, requirement) &&
         all_equal(a.variables, b.variables, same_variable) &&
         all_equal(a.methods, b.methods, equal_method) && all_equal(a.methods, b.methods, same_hints) &&
         all_equal(a.signature.inputs, b.signature.inputs, same_fields) &&
         all_equal(a.signature.outputs, b.signature.outputs, same_fields) &&
         a.required_ops == b.required_ops && a.protocol == b.protocol && a.metadata == b.metadata &&
         a.preprocess.stored == b.preprocess.stored && a.preprocess.value_scale == b.preprocess.value_scale &&
         a.preprocess.mean == b.preprocess.mean && a.preprocess.std == b.preprocess.std &&
         a.class_names == b.class_names && a.palette == b.palette && a.settings == b.settings;
}

}  // namespace graphrun::test
