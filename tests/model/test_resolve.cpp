#include "runtime/model/resolve.h"

#include <boost/test/unit_test.hpp>

#include "tests/model/expect.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

Status infer_like_x(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

// y, an activation, from x and up to one more activation; `flag` decides whether there is a bias.
OpDef sample_op() {
  OpDef def;
  def.name = "sample";
  def.inputs = {
      {.name = "x", .doc = ""},
      {.name = "bias", .doc = "", .type = OperandType::dense(DType::f32, 1), .if_attribute = "flag"},
      {.name = "other", .doc = "", .optional = true}};
  def.outputs = {{.name = "y", .doc = ""}};
  def.attrs = {
      {.name = "flag", .kind = AttrKind::boolean, .doc = "", .fallback = Expr(0)},
      {.name = "size", .kind = AttrKind::integer, .doc = "", .fallback = Expr(1), .structural = true}};
  def.infer = infer_like_x;
  return def;
}

const ValueType kMap = ValueType::activation(2, 3, 4, 5);
const ValueType kBytes{DType::u8, Layout::nhwc, {2, 3, 4, 5}};
const ValueType kNarrow{DType::bf16, Layout::nhwc, {2, 3, 4, 5}};
const ValueType kList = ValueType::dense(DType::f32, {3});

std::string message_of_node(const OpDef& def, std::vector<const ValueType*> inputs, AttrMap attrs = {},
                            std::vector<ValueId> outputs = {9}) {
  Node node{"node", std::string(def.name), std::move(attrs), {}, std::move(outputs)};
  for (const ValueType* input : inputs) node.inputs.push_back(input == nullptr ? kNoValue : 0);
  const SymbolLookup late = [](std::string_view name) { return std::optional<Number>(Dim::symbol(name)); };
  const Result<model::ResolvedNode> resolved = model::resolve(node, OpRegistry({&def}), inputs, late);
  return resolved.ok() ? "" : resolved.status().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_node_has_the_operands_of_its_op) {
  const OpDef def = sample_op();
  BOOST_TEST(message_of_node(def, {&kMap, nullptr, nullptr}) == "");
  BOOST_TEST(message_of_node(def, {&kMap, &kList, &kMap}, {{"flag", 1}}) == "");
  expect_error(message_of_node(def, {&kMap, nullptr}), "expected 3 inputs, got 2");
  expect_error(message_of_node(def, {nullptr, nullptr, nullptr}), "input \"x\" is missing");
  expect_error(message_of_node(def, {&kMap, &kList, nullptr}), "input \"bias\" is there, but attribute");
  expect_error(message_of_node(def, {&kMap, nullptr, nullptr}, {}, {9, 9}), "expected 1 outputs, got 2");
  expect_error(message_of_node(def, {&kMap, nullptr, nullptr}, {}, {kNoValue}), "output \"y\" is missing");
}

BOOST_AUTO_TEST_CASE(operands_are_of_their_declared_types) {
  const OpDef def = sample_op();
  expect_error(message_of_node(def, {&kBytes, nullptr, nullptr}),
               "x: expected an activation, got u8 (2, 3, 4, 5) in NHWC");
  expect_error(message_of_node(def, {&kList, nullptr, nullptr}),
               "x: expected an activation, got dense f32 (3)");
  expect_error(message_of_node(def, {&kMap, &kMap, nullptr}, {{"flag", 1}}),
               "bias: expected dense f32 of rank 1, got f32 (2, 3, 4, 5) in NHWC");
  expect_error(message_of_node(def, {&kMap, nullptr, &kNarrow}),
               "other: expected f32, as the other activations are, got bf16 (2, 3, 4, 5) in NHWC");
}

BOOST_AUTO_TEST_CASE(an_op_gives_what_it_declares) {
  OpDef def = sample_op();
  def.outputs[0].type = OperandType::dense(DType::f32);
  expect_error(message_of_node(def, {&kMap, nullptr, nullptr}),
               "output y: expected dense f32, got f32 (2, 3, 4, 5) in NHWC");
}

BOOST_AUTO_TEST_CASE(late_parameters_stay_out_of_what_inference_must_know) {
  const OpDef def = sample_op();
  for (const std::string name : {"flag", "size"}) {
    expect_error(message_of_node(def, {&kMap, nullptr, nullptr}, {{name, Expr::symbol("classes")}}),
                 "attribute \"" + name + "\": it decides what the graph is");
  }
}
