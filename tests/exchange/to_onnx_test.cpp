#include <cmath>

#include "tests/exchange/networks.h"

// What exported files look like. That runtimes compute the same with them tests/oracle/export_onnx.py shows.
namespace graphrun::test {
namespace {

using namespace exchange;

constexpr const char* kConvolutions = R"(
  {"op": "conv2d", "as": "conv", "out_channels": 8, "kernel": 3, "padding": 1, "bias": true},
  {"op": "batch_norm", "as": "bn", "residual": "image", "activation": "relu", "out": "y"})";

Network pyramid() {
  return Network::of(R"({"op": "adaptive_avg_pool", "as": "bins", "output": 3},
                        {"op": "resize", "as": "up", "like": "image", "out": "y"})");
}

void fails(const Network& net, const to_onnx::Options& options, const std::vector<std::string>& messages) {
  const auto model = net.exported(options);
  BOOST_TEST_REQUIRE(!model.ok());
  for (const std::string& message : messages)
    BOOST_TEST((model.status().message().find(message) != std::string::npos),
               "\"" << model.status().message() << "\" does not say \"" << message << "\"");
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_graph_has_nodes_in_order_and_names_once) {
  const Network net(tiny_program(0));
  for (const auto& shapes : {net.image(2, 33, 49), net.image(1, 40, 32)}) {
    const WrittenModel written(take(net.exported({.shapes = shapes})));
    check_order(written.file.model);
    BOOST_TEST(written.graph().inputs[0].name == "image");
    BOOST_TEST(written.graph().outputs[0].name == "logits");
    BOOST_TEST(written.count("BatchNormalization") == 0);
    BOOST_TEST(written.count("Conv") > 10);
  }
}

BOOST_AUTO_TEST_CASE(the_same_program_weights_and_options_give_the_same_bytes) {
  const Network net(tiny_program(0));
  const Scratch folder;
  for (const char* name : {"a.onnx", "b.onnx"})
    require_ok(onnx::write_model(take(net.exported({.shapes = net.image(1, 33, 33)})), folder / name));
  const std::string first = take(core::read_file(folder / "a.onnx", 1 << 26));
  BOOST_TEST((first == take(core::read_file(folder / "b.onnx", 1 << 26))));
}

BOOST_AUTO_TEST_CASE(batch_norm_is_folded_into_the_convolution_before_it) {
  const Network net = Network::of(kConvolutions);
  const auto values = [&](const std::string& name) {
    for (std::size_t i = 0; i < net.program->model().variables.size(); ++i) {
      const TensorView& view = net.weights->variable(i);
      if (net.program->model().variables[i].name == name)
        return std::span(view.as<float>(), static_cast<std::size_t>(view.desc.shape.count()));
    }
    return std::span<float>();
  };
  const std::span<float> norm = values("bn.weight");
  for (std::size_t i = 0; i < norm.size(); ++i) {
    norm[i] = 0.5F + static_cast<float>(i);
    values("bn.bias")[i] = 0.25F;
    values("bn.running_mean")[i] = -1;
    values("bn.running_var")[i] = 4;
  }
  const WrittenModel written(take(net.exported({.shapes = net.image(1, 5, 7)})));
  BOOST_TEST(written.graph().nodes.size() == 3U);  // Conv, Add, Relu
  const onnx::Node* conv = written.node("Conv");
  const std::vector<float> weight = elements<float>(*written.initializer(conv->inputs[1]));
  const std::vector<float> bias = elements<float>(*written.initializer(conv->inputs[2]));
  for (std::size_t i = 0; i < norm.size(); ++i) {
    const double factor = norm[i] / std::sqrt(4 + 1e-5);
    const std::size_t first = i * weight.size() / norm.size();
    BOOST_TEST(weight[first] == static_cast<float>(values("conv.weight")[first] * factor));
    BOOST_TEST(bias[i] == static_cast<float>((values("conv.bias")[i] + 1) * factor + 0.25));
  }
}

BOOST_AUTO_TEST_CASE(uneven_bins_are_products_with_matrices) {
  const Network net = pyramid();
  const WrittenModel written(take(net.exported({.shapes = net.image(1, 7, 8)})));
  check_order(written.file.model);
  BOOST_TEST(written.count("MatMul") == 2);
  BOOST_TEST(written.count("AveragePool") == 0);
  const WrittenModel even(take(net.exported({.shapes = net.image(1, 6, 9)})));
  BOOST_TEST(even.count("AveragePool") == 1);
  BOOST_TEST(even.count("MatMul") == 0);
}

BOOST_AUTO_TEST_CASE(what_must_know_sizes_says_so_and_names_the_node) {
  fails(pyramid(), {}, {"bins (adaptive_avg_pool)", "--shape"});
  fails(Network::of(R"({"op": "psa_mask", "as": "attend", "type": "collect", "mask": 3, "out": "attention"},
                       {"op": "matmul", "a": "attention", "x": "image", "out": "y"})",
                    9),
        {}, {"attend (psa_mask)", "--shape"});
}

BOOST_AUTO_TEST_CASE(open_sizes_are_computed_from_the_image) {
  const Network net =
      Network::of(R"({"op": "conv2d", "as": "conv", "out_channels": 4, "kernel": 3, "stride": 2},
                                     {"op": "resize", "like": "image", "align_corners": 0, "out": "y"})");
  const WrittenModel written(take(net.exported({})));
  check_order(written.file.model);
  BOOST_TEST((std::get<std::string>(written.graph().inputs[0].shape[2]) == "H"));
  BOOST_TEST((std::get<std::string>(written.graph().outputs[0].shape[3]) == "W"));
  BOOST_TEST(written.count("Shape") == 3);
  BOOST_TEST(written.node("Resize")->inputs.size() == 4U);
}

BOOST_AUTO_TEST_CASE(outputs_are_logits_classes_or_probabilities) {
  const Network net =
      Network::of(R"({"op": "conv2d", "as": "c", "out_channels": 300, "kernel": 1, "out": "y"})");
  const auto output = [&](to_onnx::OutputKind kind) {
    const WrittenModel written(take(net.exported({.shapes = net.image(1, 4, 5), .output = kind})));
    check_order(written.file.model);
    return written.graph().outputs[0];
  };
  BOOST_TEST(output(to_onnx::OutputKind::logits).name == "logits");
  BOOST_TEST(output(to_onnx::OutputKind::probabilities).name == "probabilities");
  const onnx::ValueInfo classes = output(to_onnx::OutputKind::classes);
  BOOST_TEST(classes.name == "classes");
  BOOST_TEST((classes.type == onnx::ElementType::i32));  // more of them than a byte tells apart
  BOOST_TEST((classes.shape == std::vector<onnx::Extent>{std::int64_t{1}, std::int64_t{4}, std::int64_t{5}}));
  const WrittenModel few(take(Network::of(kConvolutions).exported({.output = to_onnx::OutputKind::classes})));
  BOOST_TEST((few.graph().outputs[0].type == onnx::ElementType::u8));
}

BOOST_AUTO_TEST_CASE(pixels_come_as_they_are_stored) {
  const Network net(tiny_program(0));
  const WrittenModel written(take(net.exported({.shapes = net.image(1, 33, 49), .pixels = true})));
  check_order(written.file.model);
  const onnx::ValueInfo& image = written.graph().inputs[0];
  BOOST_TEST((image.type == onnx::ElementType::u8));
  BOOST_TEST((image.shape == std::vector<onnx::Extent>{std::int64_t{1}, std::int64_t{33}, std::int64_t{49},
                                                       std::int64_t{3}}));
  const std::string& metadata = written.file.model.metadata.at("preprocessing");
  BOOST_TEST((metadata.find("\"in_graph\":true") != std::string::npos), metadata);
}

BOOST_AUTO_TEST_CASE(a_row_beyond_a_mask_is_a_zero) {
  const auto masks = [](int side) {
    const Network net = Network::of(R"({"op": "psa_mask", "as": "attend", "type": "distribute", "mask": )" +
                                        std::to_string(side) + R"(, "out": "a"},
                       {"op": "matmul", "a": "a", "x": "image", "out": "y"})",
                                    side * side);
    return WrittenModel(take(net.exported({.shapes = net.image(1, 3, 3)})));
  };
  BOOST_TEST(masks(3).count("Concat") == 1);
  BOOST_TEST(masks(5).count("Concat") == 0);  // reaches every pixel
}

BOOST_AUTO_TEST_CASE(names_colours_and_sizes_are_in_the_metadata) {
  model::Model model = tiny_program(0)->model();
  model.class_names = {"road", "\"sky\""};
  model.palette = {1, 2, 3, 4, 5, 6};
  model.requirements.push_back({Expr(1), "why"});
  const Network net(take(model::Program::make(std::move(model), ops::op_registry())));
  const auto fixed = take(net.exported({.shapes = net.image(1, 33, 49)})).metadata;
  BOOST_TEST(fixed.at("class_names") == R"(["road","\"sky\""])");
  BOOST_TEST(fixed.at("class_colours") == "[[1,2,3],[4,5,6]]");
  BOOST_TEST(fixed.at("sizes") == R"({"image":[1,3,33,49]})");
}

BOOST_AUTO_TEST_CASE(a_size_that_the_model_refuses_is_an_error) {
  model::Model model = tiny_program(0)->model();
  Expr even = Expr::symbol("H");
  even.tokens.push_back({ExprOp::integer, 2, 0});
  even.tokens.push_back({ExprOp::modulo, 0, 0});
  model.requirements.push_back({even, "H must be odd"});
  const Network net(take(model::Program::make(std::move(model), ops::op_registry())));
  fails(net, {.shapes = net.image(1, 32, 32)}, {"H must be odd"});
}

}  // namespace graphrun::test
