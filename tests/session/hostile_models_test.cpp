#include <boost/test/unit_test.hpp>

#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "runtime/session/plan.h"
#include "runtime/session/session.h"

// Model files whose loading or binding took minutes, or memory that no limit counted. The test's time limit
// is the assertion, besides what is said here.
namespace graphrun::test {
namespace {

model::Model empty_model() {
  model::Model model;
  model.name = "hostile";
  model.inputs = {{"image", DType::f32, {Expr::symbol("N"), Expr(3), Expr::symbol("H"), Expr::symbol("W")}}};
  model::Port& image = model.signature.inputs.emplace_back();
  image.name = "image";
  image.role = model::roles::kImage;
  image.rank = 4;
  image.channels = Expr(3);
  model::Method& eval = model.methods.emplace_back();
  eval.name = "eval";
  eval.values.push_back({"image", model::Origin::input, 0});
  return model;
}

ValueId add_node(model::Method& method, std::string op, std::vector<ValueId> inputs, AttrMap attrs = {}) {
  const auto index = static_cast<std::int32_t>(method.nodes.size());
  const auto value = static_cast<ValueId>(method.values.size());
  const std::string path = op + std::to_string(index);
  method.values.push_back({path, model::Origin::node, index});
  method.nodes.push_back({path, std::move(op), std::move(attrs), std::move(inputs), {value}});
  return value;
}

// Written and read, as from a file.
Result<std::shared_ptr<const model::Program>> loaded(const model::Model& model) {
  const auto bytes = model::serialize(model);
  BOOST_REQUIRE_MESSAGE(bytes.ok(), (bytes.ok() ? "" : bytes.status().message()));
  return model::Program::parse(*bytes, ops::op_registry());
}

std::string error_of(const model::Model& model) {
  const auto program = loaded(model);
  BOOST_REQUIRE_MESSAGE(!program.ok(), "a hostile model was let through");
  return program.status().message();
}

std::shared_ptr<model::Backend> backend() { return *ops::make_cpu_backend(1); }

}  // namespace

BOOST_AUTO_TEST_CASE(inputs_of_many_extents) {
  model::Model model = empty_model();
  for (int input = 1; input < 5; ++input) {
    std::vector<Expr> shape;
    for (int i = 0; i < 50000; ++i) shape.push_back(Expr::symbol("s" + std::to_string(50000 * input + i)));
    model.inputs.push_back({"i" + std::to_string(input), DType::f32, std::move(shape)});
  }
  model.methods[0].outputs = {{"y", add_node(model.methods[0], "relu", {0})}};
  BOOST_TEST(error_of(model).find("50000 extents") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_stores) {
  constexpr int kStores = 30000;
  model::Model model = empty_model();
  model::Method& eval = model.methods[0];
  for (int i = 0; i < kStores; ++i) {
    model::Variable variable;
    variable.name = "v" + std::to_string(i);
    variable.kind = VariableKind::buffer;
    model.variables.push_back(std::move(variable));
    const ValueId value = add_node(eval, "fill", {}, {{"value", Expr(1.0)}});
    eval.stores.push_back({"v" + std::to_string(i), value});
  }
  const auto program = loaded(model);
  BOOST_REQUIRE_MESSAGE(program.ok(), (program.ok() ? "" : program.status().message()));
}

BOOST_AUTO_TEST_CASE(a_chain_of_many_nodes_is_bound) {
  constexpr int kNodes = 60000;
  model::Model model = empty_model();
  ValueId value = 0;
  for (int i = 0; i < kNodes; ++i)
    value = add_node(model.methods[0], i % 2 == 0 ? "relu" : "sigmoid", {value});
  model.methods[0].outputs = {{"y", value}};
  const auto program = loaded(model);
  BOOST_REQUIRE_MESSAGE(program.ok(), (program.ok() ? "" : program.status().message()));
  const auto needs = session::Session::plan(**program, *backend(), {1, 8, 8});
  BOOST_REQUIRE_MESSAGE(needs.ok(), (needs.ok() ? "" : needs.status().message()));
  BOOST_TEST(needs->arena_bytes <= 4 * 8 * 8 * 3 * 4 + 1024);
}

BOOST_AUTO_TEST_CASE(extents_that_are_long_are_counted) {
  model::Model model = empty_model();
  Expr longest = Expr(1);
  longest.symbols = {"H"};
  for (int i = 0; i < 60; ++i) {  // H / 1000 + H / 1001 + ...
    longest.tokens.push_back({ExprOp::symbol, 0, 0});
    longest.tokens.push_back({ExprOp::integer, 1000 + i, 0});
    longest.tokens.push_back({ExprOp::divide, 0, 0});
    longest.tokens.push_back({ExprOp::add, 0, 0});
  }
  ValueId value = 0;
  for (int i = 0; i < 2000; ++i)
    value = add_node(model.methods[0], "resize", {value}, {{"size", std::vector<Expr>{longest, longest}}});
  model.methods[0].outputs = {{"y", value}};
  BOOST_TEST(error_of(model).find("too long expressions together") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_lives_are_planned_without_overlaps) {
  std::vector<session::PlanItem> items;
  constexpr std::int32_t kItems = 200000;
  for (std::int32_t i = 0; i < kItems; ++i)
    items.push_back({1 + i * 7919 % 5000, i, i % 3 == 0 ? kItems : i + i % 50});
  const auto plan = session::plan_memory(items);
  BOOST_REQUIRE(plan.ok());
  BOOST_TEST(session::verify_plan(items, *plan).ok());
}

BOOST_AUTO_TEST_CASE(tables_are_refused_before_they_are_built) {
  model::Model model = empty_model();
  model::Method& eval = model.methods[0];
  for (int i = 0; i < 200; ++i) {
    AttrMap size{{"size", std::vector<Expr>{Expr((std::int64_t{1} << 24) - i), Expr(1)}}};
    eval.outputs.push_back({"y" + std::to_string(i), add_node(eval, "resize", {0}, size)});
  }
  const auto program = loaded(model);
  BOOST_REQUIRE_MESSAGE(program.ok(), (program.ok() ? "" : program.status().message()));
  session::Session::Options options{1, 2, 2};
  options.max_table_bytes = std::int64_t{1} << 20;
  const auto needs = session::Session::plan(**program, *backend(), options);
  BOOST_REQUIRE(!needs.ok());
  BOOST_TEST((needs.status().code() == ErrorCode::out_of_memory));
  BOOST_TEST(needs.status().message().find("tables of ") != std::string::npos, needs.status().message());
}

BOOST_AUTO_TEST_CASE(tables_are_counted_once_for_nodes_that_are_alike) {
  model::Model model = empty_model();
  model::Method& eval = model.methods[0];
  const AttrMap size{{"size", std::vector<Expr>{Expr(40), Expr(50)}}};
  for (int i = 0; i < 3; ++i)
    eval.outputs.push_back({"y" + std::to_string(i), add_node(eval, "resize", {0}, size)});
  const auto program = loaded(model);
  BOOST_REQUIRE(program.ok());
  const auto needs = session::Session::plan(**program, *backend(), {1, 20, 25});
  BOOST_REQUIRE_MESSAGE(needs.ok(), (needs.ok() ? "" : needs.status().message()));
  BOOST_TEST(needs->table_bytes == 16 * (40 + 50) + 4 * (21 + 26));
}

BOOST_AUTO_TEST_CASE(a_label_has_the_sides_that_a_map_may_have) {
  model::Model model = empty_model();
  model.inputs.push_back({"label", DType::i32, {Expr::symbol("N"), Expr(std::int64_t{1} << 38), Expr(1)}});
  model.methods[0].values.push_back({"label", model::Origin::input, 1});
  model.methods[0].outputs = {{"y", add_node(model.methods[0], "relu", {0})}};
  BOOST_TEST(error_of(model).find("a side of more than") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(requirements_that_are_long_bound_the_search_for_a_size) {
  model::Model model = empty_model();
  model.methods[0].outputs = {{"y", add_node(model.methods[0], "relu", {0})}};
  Expr never = Expr::symbol("H");
  for (int i = 0; i < 100; ++i) {
    never.tokens.push_back({ExprOp::integer, 0, 0});
    never.tokens.push_back({ExprOp::multiply, 0, 0});
  }
  for (int i = 0; i < 1000; ++i) model.requirements.push_back({never, "it is never so"});
  const auto program = loaded(model);
  BOOST_REQUIRE_MESSAGE(program.ok(), (program.ok() ? "" : program.status().message()));
  const auto size = session::Session::smallest_valid_size(**program, {1, 8, 8});
  BOOST_REQUIRE(!size.ok());
  BOOST_TEST(size.status().message().find("it is never so") != std::string::npos, size.status().message());
}

BOOST_AUTO_TEST_CASE(a_file_expands_to_a_small_multiple_of_itself) {
  model::Model model = empty_model();
  model::Method& eval = model.methods[0];
  Expr longest = Expr(1);
  for (int i = 0; i < 127; ++i) {
    longest.tokens.push_back({ExprOp::integer, i, 0});
    longest.tokens.push_back({ExprOp::add, 0, 0});
  }
  ValueId value = 0;
  for (int i = 0; i < 20000; ++i)
    value = add_node(eval, "resize", {value}, {{"size", std::vector<Expr>{longest, longest}}});
  eval.outputs = {{"y", value}};
  BOOST_TEST(error_of(model).find("the model expands to more than") != std::string::npos);
}

}  // namespace graphrun::test
