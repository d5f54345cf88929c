#include <boost/test/unit_test.hpp>

#include "ops/registry.h"
#include "runtime/model/model_file.h"

// Model files whose nodes misuse the real ops: each must be an error when the file is read.
namespace graphrun::test {
namespace {

// A model file of one method with the input `image` (N, 3, H, W).
class HostileModel {
 public:
  HostileModel() {
    model_.name = "hostile";
    model_.inputs = {
        {"image", DType::f32, {Expr::symbol("N"), Expr(3), Expr::symbol("H"), Expr::symbol("W")}}};
    method_.name = "eval";
    image = add({"image", model::Origin::input, 0});
  }

  ValueId variable(std::string name, std::vector<Expr> shape) {
    model::Variable variable;
    variable.name = name;
    variable.shape = std::move(shape);
    model_.variables.push_back(std::move(variable));
    const auto index = static_cast<std::int32_t>(model_.variables.size() - 1);
    return add({std::move(name), model::Origin::variable, index});
  }

  // Gives the values of its outputs, as many as `wanted` is long; those that are not wanted are absent.
  std::vector<ValueId> node(std::string op, std::vector<ValueId> inputs, AttrMap attrs,
                            std::vector<bool> wanted) {
    const auto index = static_cast<std::int32_t>(method_.nodes.size());
    Node node{"node" + std::to_string(index), std::move(op), std::move(attrs), std::move(inputs), {}};
    for (const bool here : wanted) {
      const std::string name = node.path + ":" + std::to_string(node.outputs.size());
      node.outputs.push_back(here ? add({name, model::Origin::node, index}) : kNoValue);
    }
    method_.nodes.push_back(node);
    return node.outputs;
  }

  // What reading the file with this output says.
  std::string error(ValueId logits) {
    method_.outputs = {{"logits", logits}};
    model_.methods = {method_};
    const auto bytes = model::serialize(model_);
    BOOST_REQUIRE(bytes.ok());
    const Result<model::Model> read = model::parse_model(*bytes, ops::op_registry());
    BOOST_REQUIRE_MESSAGE(!read.ok(), "the file is taken");
    return read.status().message();
  }

  ValueId image;

 private:
  ValueId add(model::Value value) {
    method_.values.push_back(std::move(value));
    return static_cast<ValueId>(method_.values.size() - 1);
  }

  model::Model model_;
  model::Method method_;
};

void expect(const std::string& message, std::string_view part) {
  BOOST_TEST((message.find(part) != std::string::npos), message);
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_absent_output_that_is_not_optional) {
  HostileModel model;
  model.node("relu", {model.image}, {}, {false});
  expect(model.error(model.image), "node0 (relu): output \"y\" is missing");
}

// All its outputs are optional, but a kernel that is run has something to write.
BOOST_AUTO_TEST_CASE(a_node_of_which_nothing_is_wanted) {
  HostileModel model;
  const ValueId weight = model.variable("weight", {3});
  const ValueId variance = model.variable("var", {3});
  model.node("batch_norm_eval_grad", {model.image, weight, variance, kNoValue}, {}, {false, false});
  expect(model.error(model.image), "node0 (batch_norm_eval_grad): none of its outputs is wanted");
}

BOOST_AUTO_TEST_CASE(a_u8_map_where_an_activation_is_read) {
  HostileModel model;
  const std::vector<ValueId> pooled = model.node("max_pool", {model.image}, {{"kernel", 1}}, {true, true});
  std::vector<ValueId> inputs{pooled[0]};
  for (const std::string name : {"weight", "bias", "mean", "var"})
    inputs.push_back(model.variable(name, {3}));
  inputs.push_back(pooled[1]);
  const ValueId y = model.node("batch_norm_eval", inputs, {}, {true})[0];
  const std::string message = model.error(y);
  expect(message, "node1 (batch_norm_eval): residual: expected f32 (N, 3, H, W) in NHWC like x, got u8");
}

BOOST_AUTO_TEST_CASE(a_u8_map_alone) {
  HostileModel model;
  const std::vector<ValueId> pooled = model.node("max_pool", {model.image}, {{"kernel", 1}}, {true, true});
  const ValueId y = model.node("relu", {pooled[1]}, {}, {true})[0];
  expect(model.error(y), "node1 (relu): x: expected an activation, got u8");
}

BOOST_AUTO_TEST_CASE(an_op_that_no_library_has) {
  HostileModel model;
  const ValueId y = model.node("swiglu", {model.image}, {}, {true})[0];
  expect(model.error(y), "op \"swiglu\" is in no op library that was given");
}

}  // namespace graphrun::test
