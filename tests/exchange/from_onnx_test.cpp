#include "exchange/from_onnx/from_onnx.h"

#include <cstring>
#include <limits>

#include "exchange/from_onnx/names.h"
#include "exchange/from_onnx/node_import.h"
#include "runtime/session/session.h"
#include "runtime/weights/safetensors.h"
#include "tests/exchange/networks.h"

// That imported networks compute what other runtimes compute with the same file
// tests/oracle/import_networks.py shows.
namespace graphrun::test {
namespace {

using namespace exchange;
using Numbers = std::vector<std::int64_t>;

onnx::Tensor reals(const std::string& name, Numbers dims, float value = 1) {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) count *= dim;
  const std::vector<float> values(static_cast<std::size_t>(count), value);
  const auto bytes = std::as_bytes(std::span(values));
  return {name, onnx::ElementType::f32, std::move(dims), std::vector<std::byte>(bytes.begin(), bytes.end())};
}
onnx::Tensor integers(const std::string& name, const Numbers& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {
      name, onnx::ElementType::i64, {std::ssize(values)}, std::vector<std::byte>(bytes.begin(), bytes.end())};
}

// A network over "x" (N, 3, H, W), or of the extents given, whose last node writes "y".
onnx::Model network(std::vector<onnx::Node> nodes, std::vector<onnx::Tensor> initializers = {},
                    std::vector<onnx::Extent> shape = {std::string("n"), std::int64_t{3}, std::string("h"),
                                                       std::string("w")}) {
  onnx::Model model;
  model.opsets[""] = 17;
  model.graph.inputs.push_back({"x", onnx::ElementType::f32, std::move(shape)});
  model.graph.outputs.push_back({"y", onnx::ElementType::f32, {}, false});
  model.graph.nodes = std::move(nodes);
  model.graph.initializers = std::move(initializers);
  return model;
}

constexpr std::size_t kFileBytes = 1 << 20;

Result<from_onnx::Imported> imported(const onnx::Model& model) {
  return from_onnx::translate(model, ops::op_registry(), kFileBytes);
}

model::Model compiled(const from_onnx::Imported& source) {
  const Scratch folder;
  require_ok(core::write_file(folder / "net.json", source.graph));
  compiler::Compiled result = compiler::compile(folder / "net.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(result.errors == "", source.graph << result.errors);
  return *std::move(result.model);
}

// The graph file, which the compiler takes.
std::string graph_of(const onnx::Model& model) {
  const from_onnx::Imported result = take(imported(model));
  compiled(result);
  return result.graph;
}

void fails(const onnx::Model& model, const std::vector<std::string>& messages) {
  const auto result = imported(model);
  BOOST_TEST_REQUIRE(!result.ok());
  for (const std::string& message : messages)
    BOOST_TEST((result.status().message().find(message) != std::string::npos),
               "\"" << result.status().message() << "\" does not say \"" << message << "\"");
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<float> logits_of(std::shared_ptr<const model::Program> program,
                             std::shared_ptr<weights::Weights> weights) {
  const auto session = take(session::Session::create(std::move(program), std::move(weights), {1, 33, 49}));
  std::vector<float> image(3 * 33 * 49);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i * 7919 % 101) / 50 - 1;
  require_ok(session->set_input_nchw(image));
  require_ok(session->run());
  std::vector<float> logits(static_cast<std::size_t>(take(session->logits()).desc.shape.count()));
  require_ok(session->get_output_nchw("logits", logits));
  return logits;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_convolution_with_relu_becomes_one_with_a_norm) {
  const std::string graph = graph_of(network(
      {{"Conv", {"x", "stem.weight", "stem.bias"}, {"c"}, {{"pads", Numbers{1, 1, 1, 1}}}, "/stem/Conv", {}},
       {"Relu", {"c"}, {"y"}, {}, "/relu/Relu", {}}},
      {reals("stem.weight", {8, 3, 3, 3}), reals("stem.bias", {8})}));
  BOOST_TEST(has(graph, R"({"op":"conv2d","as":"stem","kernel":3,"out_channels":8,"padding":1})"), graph);
  BOOST_TEST(
      has(graph,
          R"({"op":"batch_norm","as":"stem.norm","activation":"relu","eps":0.0,"frozen":true,"out":"stem_norm"})"),
      graph);
  BOOST_TEST(has(graph, R"("outputs": {"y":{"value":"stem_norm","role":"logits"}})"), graph);
}

BOOST_AUTO_TEST_CASE(a_residual_becomes_part_of_the_norm_before_the_sum) {
  const std::string graph = graph_of(network(
      {{"Conv", {"x", "w"}, {"c"}, {}, "conv", {}},
       {"BatchNormalization", {"c", "s", "b", "m", "v"}, {"n"}, {}, "norm", {}},
       {"Add", {"n", "x"}, {"a"}, {}, "sum", {}},
       {"Relu", {"a"}, {"y"}, {}, "act", {}}},
      {reals("w", {3, 3, 1, 1}), reals("s", {3}), reals("b", {3}), reals("m", {3}), reals("v", {3})}));
  BOOST_TEST(has(graph, R"("op":"batch_norm","as":"norm","residual":"x","activation":"relu")"), graph);
  BOOST_TEST(!has(graph, "\"add\""), graph);
}

BOOST_AUTO_TEST_CASE(sizes_computed_from_the_image_stay_expressions) {
  const std::string graph = graph_of(network(
      {{"MaxPool", {"x"}, {"p"}, {{"kernel_shape", Numbers{2, 2}}, {"strides", Numbers{2, 2}}}, "pool", {}},
       {"Shape", {"x"}, {"s"}, {}, "shape", {}},
       {"Slice", {"s", "two", "four"}, {"hw"}, {}, "hw", {}},
       {"Shape", {"p"}, {"ps"}, {{"end", std::int64_t{2}}}, "pshape", {}},
       {"Concat", {"ps", "hw"}, {"size"}, {{"axis", std::int64_t{0}}}, "cat", {}},
       {"Resize",
        {"p", "", "", "size"},
        {"y"},
        {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}},
        "up",
        {}}},
      {integers("two", {2}), integers("four", {4})}));
  BOOST_TEST(has(graph, R"("op":"resize","size":["H","W"])"), graph);
}

// Two rows below and none above are a kernel of five rows, of which the first two are zeros.
BOOST_AUTO_TEST_CASE(uneven_padding_becomes_zeros_in_the_kernel) {
  const onnx::Model model = network(
      {{"Conv", {"x", "w"}, {"y"}, {{"pads", Numbers{0, 1, 2, 1}}, {"strides", Numbers{2, 2}}}, "conv", {}}},
      {reals("w", {2, 3, 3, 3})});
  const from_onnx::Imported result = take(imported(model));
  compiled(result);
  BOOST_TEST_REQUIRE(result.tensors.size() == 1U);
  BOOST_TEST((result.tensors[0].desc.shape == Shape{2, 3, 5, 3}));
  const std::span<const float> weight = floats(result.tensors[0]);
  BOOST_TEST(weight[0] == 0);
  BOOST_TEST(weight[5] == 0);
  BOOST_TEST(weight[6] == 1);
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_named_with_what_to_do) {
  fails(network({{"Einsum", {"x"}, {"y"}, {}, "mix", {}}}),
        {"node \"mix\" (Einsum)", "not known", "Cut the network"});
  fails(network({{"Rellu", {"x"}, {"y"}, {}, "act", {}}}), {"did you mean Relu?"});
  fails(network({{"Relu", {"x"}, {"y"}, {{"alpha", 1.0F}}, "act", {}}}),
        {"attribute \"alpha\" is not known"});
  fails(network({{"Relu", {"z"}, {"y"}, {}, "act", {}}}),
        {"node \"act\" (Relu)", "no node before has written"});
  fails(network({{"Relu", {"x"}, {"y"}, {}, "act", "com.microsoft"}}), {"com.microsoft"});
  fails(network({{"Relu", {"x"}, {"z"}, {}, "act", {}}}), {"output \"y\"", "no node writes it"});
  onnx::Model old = network({{"Relu", {"x"}, {"y"}, {}, "act", {}}});
  old.opsets[""] = 9;
  fails(old, {"opset 9", "version_converter"});
  fails(network({{"Relu", {"x"}, {"y"}, {}, "act", {}}}, {},
                {std::int64_t{1}, std::string("c"), std::int64_t{4}, std::int64_t{4}}),
        {"input \"x\"", "extent 1 is not known"});
}

BOOST_AUTO_TEST_CASE(names_of_exporters_become_paths) {
  const auto path = [](const std::string& name, std::string_view weight) {
    return from_onnx::path_of({"Conv", {}, {}, {}, name, {}}, weight, 7);
  };
  BOOST_TEST(path("/backbone/layer1/layer1.0/conv1/Conv", "onnx::Conv_12") == "backbone.layer1.0.conv1");
  BOOST_TEST(path("node_Conv_3", "layer1.0.conv1.weight") == "layer1.0.conv1");
  BOOST_TEST(path("", "") == "Conv7");
  BOOST_TEST(path("../../etc/passwd", "") == "etc.passwd");
  from_onnx::Names names;
  BOOST_TEST(names.unique("a") == "a");
  BOOST_TEST(names.unique("a") == "a_2");
}

// Export, import and compile: the same logits; and a second round gives the same graph and weights.
BOOST_AUTO_TEST_CASE(what_was_exported_comes_back) {
  const Network net(tiny_program(0));
  const WrittenModel first(take(net.exported({.shapes = net.image(1, 33, 49)})));
  const from_onnx::Imported back = take(imported(first.file.model));
  const Scratch folder;
  require_ok(weights::write_safetensors(folder / "w.safetensors", back.tensors, {}));
  const auto program = take(model::Program::make(compiled(back), ops::op_registry()));
  const auto weights = take(weights::Weights::map(*program, open_tensors(folder / "w.safetensors"),
                                                  take(ops::make_cpu_backend(1))));
  const std::vector<float> expected = logits_of(net.program, net.weights);
  const std::vector<float> actual = logits_of(program, weights);
  BOOST_TEST_REQUIRE(actual.size() == expected.size());
  float largest = 0;
  float error = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    error = std::max(error, std::abs(expected[i] - actual[i]));
  }
  BOOST_TEST(error <= 1e-5F * largest);

  const auto image = take(session::image_shapes(*program, 1, 33, 49));
  const WrittenModel second(take(to_onnx::translate(*program, *weights, {.shapes = image})));
  const from_onnx::Imported again = take(imported(second.file.model));
  BOOST_TEST(again.storage.steps().size() == back.storage.steps().size());
  BOOST_TEST_REQUIRE(again.tensors.size() == back.tensors.size());
  for (std::size_t i = 0; i < again.tensors.size(); ++i) {
    BOOST_TEST(again.tensors[i].name == back.tensors[i].name);
    BOOST_TEST(std::ranges::equal(again.tensors[i].bytes, back.tensors[i].bytes), again.tensors[i].name);
  }
}

// A node's tensor counts for each node that has it, and one channel's number must not grow into memory.
BOOST_AUTO_TEST_CASE(weights_are_limited_by_the_size_of_the_file) {
  std::vector<onnx::Node> nodes;
  std::string before = "x";
  for (int i = 0; i < 200; ++i) {
    const std::string name = i == 199 ? "y" : "v" + std::to_string(i);
    nodes.push_back({"Conv", {before, "w"}, {name}, {}, "c" + std::to_string(i), {}});
    before = name;
  }
  const onnx::Model model = network(std::move(nodes), {reals("w", {512, 512, 1, 1})},
                                    {std::int64_t{1}, std::int64_t{512}, std::int64_t{4}, std::int64_t{4}});
  fails(model, {"more weights than its file could hold"});
}

// Each list is a copy: short nodes over a long list would fill the memory.
BOOST_AUTO_TEST_CASE(lists_of_integers_are_limited_as_shapes_are_and_together) {
  const auto gathers = [](std::size_t count, std::size_t length) {
    std::vector<onnx::Node> nodes;
    for (std::size_t i = 0; i < count; ++i)
      nodes.push_back({"Gather", {"list", "list"}, {"part" + std::to_string(i)}, {}, "", ""});
    nodes.push_back({"Relu", {"x"}, {"y"}, {}, "", ""});
    return network(std::move(nodes), {integers("list", Numbers(length))});
  };
  take(imported(gathers(100, 64)));
  fails(gathers(1, 65), {"more integers than a shape has"});
  fails(gathers(60'000, 64), {"than its file could hold"});
}

// The inverse of the least numbers is infinite.
BOOST_AUTO_TEST_CASE(a_scale_is_neither_tiny_nor_huge) {
  for (const float scale : {0.0F, 1e-45F, 1e-4F, 5000.0F, std::numeric_limits<float>::infinity()})
    fails(network({{"Resize", {"x", "", "scales"}, {"y"}, {{"mode", std::string("nearest")}}, "", ""}},
                  {reals("scales", {4}, scale)}),
          {"scale"});
}

BOOST_AUTO_TEST_CASE(the_mode_of_training_is_one_truth_value) {
  const auto dropout = [](std::size_t size, std::byte value) {
    const onnx::Tensor mode{"mode",
                            onnx::ElementType::boolean,
                            {static_cast<std::int64_t>(size)},
                            std::vector<std::byte>(size, value)};
    return network({{"Dropout", {"x", "", "mode"}, {"d"}, {}, "", ""}, {"Relu", {"d"}, {"y"}, {}, "", ""}},
                   {mode});
  };
  take(imported(dropout(1, std::byte{0})));
  fails(dropout(1, std::byte{1}), {"export it in evaluation"});
  fails(dropout(1 << 20, std::byte{0}), {"no single truth value"});
}

// A convolution in the form that quantisers write; `zero` is that of y's integers.
onnx::Model quantised_convolution(std::int8_t zero, onnx::ElementType type, float scale = 0.5F) {
  const auto byte = [&](const std::string& name, onnx::ElementType of, std::int8_t value) {
    return onnx::Tensor{name, of, {}, std::vector<std::byte>(1, static_cast<std::byte>(value))};
  };
  std::vector<std::byte> weight(6);
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight[i] = static_cast<std::byte>(static_cast<std::int8_t>(static_cast<int>(i) - 3));
  onnx::Tensor scales = reals("w.scale", {2});
  scales.content = std::vector<std::byte>(8);
  const float of_channels[] = {0.25F, 2.0F};
  std::memcpy(std::get<std::vector<std::byte>>(scales.content).data(), of_channels, sizeof of_channels);
  return network({{"QuantizeLinear", {"x", "s", "zx"}, {"xq"}, {}, "", ""},
                  {"DequantizeLinear", {"xq", "s", "zx"}, {"xd"}, {}, "", ""},
                  {"DequantizeLinear", {"w", "w.scale"}, {"wd"}, {{"axis", std::int64_t{0}}}, "", ""},
                  {"Conv", {"xd", "wd"}, {"c"}, {}, "layer/Conv", ""},
                  {"QuantizeLinear", {"c", "sy", "zy"}, {"cq"}, {}, "", ""},
                  {"DequantizeLinear", {"cq", "sy", "zy"}, {"y"}, {}, "", ""}},
                 {reals("s", {}, 0.125F),
                  reals("sy", {}, scale),
                  byte("zx", onnx::ElementType::u8, 64),
                  byte("zy", type, zero),
                  std::move(scales),
                  {"w", onnx::ElementType::i8, {2, 3, 1, 1}, std::move(weight)}});
}

// Weights become the numbers that they stand for, and integers that end at 0 a ReLU, which quantisers leave
// out.
BOOST_AUTO_TEST_CASE(quantised_networks_become_networks_of_real_numbers) {
  const from_onnx::Imported found = take(imported(quantised_convolution(-128, onnx::ElementType::i8)));
  compiled(found);
  BOOST_TEST(!has(found.graph, "uantize"), found.graph);
  BOOST_TEST(has(found.graph, "relu"), found.graph);
  const auto weight = std::ranges::find_if(found.tensors, [](const auto& tensor) {
    return tensor.desc.shape == Shape{2, 3, 1, 1};
  });
  BOOST_TEST_REQUIRE((weight != found.tensors.end()));
  const float expected[] = {-0.75F, -0.5F, -0.25F, 0.0F, 2.0F, 4.0F};
  BOOST_TEST(std::ranges::equal(weight->bytes, std::as_bytes(std::span(expected))));
  BOOST_TEST(!has(graph_of(quantised_convolution(3, onnx::ElementType::i8)), "relu"));
  BOOST_TEST(has(graph_of(quantised_convolution(0, onnx::ElementType::u8)), "relu"));
}

// Quantisers take constants of norms for activations.
BOOST_AUTO_TEST_CASE(quantised_constants_stay_what_they_are) {
  onnx::Model model = quantised_convolution(3, onnx::ElementType::i8);
  model.graph.initializers.push_back(reals("b", {2}, 0.3F));
  model.graph.nodes.insert(model.graph.nodes.begin(),
                           {{"QuantizeLinear", {"b", "s", "zx"}, {"bq"}, {}, "", ""},
                            {"DequantizeLinear", {"bq", "s", "zx"}, {"bd"}, {}, "", ""}});
  model.graph.nodes[5].inputs.emplace_back("bd");
  const from_onnx::Imported found = take(imported(model));
  const auto bias =
      std::ranges::find_if(found.tensors, [](const auto& tensor) { return tensor.desc.shape == Shape{2}; });
  BOOST_TEST_REQUIRE((bias != found.tensors.end()));
  const float expected[] = {0.3F, 0.3F};
  BOOST_TEST(std::ranges::equal(bias->bytes, std::as_bytes(std::span(expected))));
}

BOOST_AUTO_TEST_CASE(quantisation_that_is_not_known_is_named) {
  fails(quantised_convolution(0, onnx::ElementType::u8, 0.0F), {"QuantizeLinear", "no positive number"});
  fails(quantised_convolution(0, onnx::ElementType::u8, std::numeric_limits<float>::infinity()), {"scale"});
  fails(quantised_convolution(0, onnx::ElementType::boolean), {"bool"});
  onnx::Model model = quantised_convolution(3, onnx::ElementType::u8);
  model.graph.nodes[1].inputs[1] = "sy";
  fails(model, {"DequantizeLinear", "not that with which"});
  model = quantised_convolution(3, onnx::ElementType::u8);
  model.graph.nodes[3].inputs[0] = "xq";
  fails(model, {"Conv", "only DequantizeLinear takes that"});
  model = quantised_convolution(3, onnx::ElementType::u8);
  model.graph.nodes[2].attributes[0].value = std::int64_t{1};
  fails(model, {"DequantizeLinear", "as many scales as the axis has"});
}

BOOST_AUTO_TEST_CASE(each_op_is_known_once_and_in_order) {
  const std::vector<std::string_view> ops = from_onnx::imported_ops();
  BOOST_TEST((std::ranges::adjacent_find(ops) == ops.end()));
  for (const std::string_view op : ops) BOOST_TEST(from_onnx::find_import(op) != nullptr, op);
}

}  // namespace graphrun::test
