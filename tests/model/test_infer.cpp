#include <boost/test/unit_test.hpp>

#include "runtime/model/infer.h"
#include "tests/model/expect.h"
#include "tests/model/sample_model.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

SymbolLookup sizes(std::int64_t n, std::int64_t h, std::int64_t w) {
  return [=](std::string_view symbol) -> std::optional<Number> {
    if (symbol == "N") return Number(Dim(n));
    if (symbol == "H") return Number(Dim(h));
    if (symbol == "W") return Number(Dim(w));
    return std::nullopt;
  };
}

std::string type_of(const model::Model& model, std::string_view path, const SymbolLookup& dims) {
  const model::Method& method = model.methods[0];
  const std::vector<ValueType> types = require(model::infer_types(model, method, sample_registry(), dims));
  const Node& node = *std::ranges::find(method.nodes, path, &Node::path);
  return to_string(types[static_cast<std::size_t>(node.outputs[0])]);
}

}  // namespace

BOOST_AUTO_TEST_CASE(shapes_stay_symbolic_until_sizes_are_known) {
  const model::Model model = sample_model();
  BOOST_TEST(type_of(model, "body.conv1", model::symbolic_dims(model)) ==
             "f32 (N, 8, (H - 1)/(2) + 1, (W - 1)/(2) + 1)");
  BOOST_TEST(type_of(model, "head.resize", model::symbolic_dims(model)) == "f32 (N, 3, H, W)");
  BOOST_TEST(type_of(model, "body.conv1", sizes(2, 9, 12)) == "f32 (2, 8, 5, 6)");
  BOOST_TEST(type_of(model, "head.resize", sizes(2, 9, 12)) == "f32 (2, 3, 9, 12)");
}

BOOST_AUTO_TEST_CASE(a_late_parameter_may_stay_a_symbol) {
  const model::Model model = sample_model();
  const SymbolLookup dims =
      [base = model::symbolic_dims(model)](std::string_view symbol) -> std::optional<Number> {
    if (symbol == "classes") return Number(Dim::symbol("classes"));
    return base(symbol);
  };
  BOOST_TEST(type_of(model, "head.resize", dims) == "f32 (N, classes, H, W)");
}

BOOST_AUTO_TEST_CASE(the_inputs_introduce_the_sizes) {
  const std::vector<std::string> names = model::dim_names(sample_model());
  const std::vector<std::string> expected{"N", "H", "W"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(images_are_activations_and_labels_are_dense) {
  const model::Model model = sample_model();
  const auto types = require(model::infer_types(model, model.methods[0], sample_registry(), sizes(1, 9, 9)));
  BOOST_TEST((types[0].layout == Layout::nhwc));
  BOOST_TEST((types[1].layout == Layout::dense));
}

BOOST_AUTO_TEST_CASE(errors_at_bind_name_the_node) {
  const model::Model model = sample_model();
  const auto infer = [&](const SymbolLookup& dims) {
    return message_of(model::infer_types(model, model.methods[0], sample_registry(), dims));
  };
  expect_error(infer(sizes(1, 0, 9)), "input image: an extent is less than 1: f32 (1, 3, 0, 9)");
  expect_error(infer([](std::string_view) { return std::nullopt; }),
               "input image: \"N\" is not defined here");
  expect_error(infer(sizes(1, 9, (1 << 24) + 1)), "input image: a side of more than 16777216");
  const std::int64_t large = std::int64_t{1} << 18;
  expect_error(infer(sizes(16, large, large)), "input image: ");
}
