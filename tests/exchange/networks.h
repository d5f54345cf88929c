#pragma once

#include <algorithm>
#include <set>

#include "exchange/onnx/read.h"
#include "exchange/onnx/write.h"
#include "exchange/to_onnx/to_onnx.h"
#include "runtime/core/file.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"

// Networks for tests of exports, and what is to be seen in the files.
namespace graphrun::test {

// A program with weights drawn at random.
struct Network {
  std::shared_ptr<const model::Program> program;
  std::shared_ptr<weights::Weights> weights;

  explicit Network(std::shared_ptr<const model::Program> given)
      : program(std::move(given)),
        weights(take(weights::Weights::initialise(*program, 1, take(ops::make_cpu_backend(1))))) {}
  // Statements of a graph file over `image` (N, channels, H, W), the last of which gives the logits.
  static Network of(const std::string& statements, int channels = 8) {
    const Scratch folder;
    const std::string text = R"({"inputs": {"image": {"shape": ["N", )" + std::to_string(channels) +
                             R"(, "H", "W"]}}, "graph": [)" + statements +
                             R"(], "outputs": {"logits": "y"}})";
    require_ok(core::write_file(folder / "net.json", text));
    compiler::Compiled compiled = compiler::compile(folder / "net.json", {}, ops::op_registry());
    BOOST_TEST_REQUIRE(compiled.errors == "");
    return Network(take(model::Program::make(*std::move(compiled.model), ops::op_registry())));
  }

  session::InputShapes image(std::int64_t n, std::int64_t h, std::int64_t w) const {
    return take(session::image_shapes(*program, n, h, w));
  }
  Result<exchange::onnx::Model> exported(const exchange::to_onnx::Options& options) const {
    return exchange::to_onnx::translate(*program, *weights, options);
  }
};

// A file that was written, as its reader sees it.
struct WrittenModel {
  Scratch folder;
  exchange::onnx::ModelFile file;

  explicit WrittenModel(const exchange::onnx::Model& model) {
    require_ok(exchange::onnx::write_model(model, folder / "net.onnx"));
    file = take(exchange::onnx::read_model(folder / "net.onnx"));
  }
  const exchange::onnx::Graph& graph() const { return file.model.graph; }
  const exchange::onnx::Node* node(std::string_view op) const {
    const auto found = std::ranges::find(graph().nodes, op, &exchange::onnx::Node::op);
    return found == graph().nodes.end() ? nullptr : &*found;
  }
  std::int64_t count(std::string_view op) const {
    return std::ranges::count(graph().nodes, op, &exchange::onnx::Node::op);
  }
  const exchange::onnx::Tensor* initializer(std::string_view name) const {
    const auto found = std::ranges::find(graph().initializers, name, &exchange::onnx::Tensor::name);
    return found == graph().initializers.end() ? nullptr : &*found;
  }
};

template <class T>
std::vector<T> elements(const exchange::onnx::Tensor& tensor) {
  std::vector<T> values(tensor.bytes().size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes().data(), tensor.bytes().size());
  return values;
}

// Every name is written once, before it is read; every output is written; opset and domain are ONNX's own.
inline void check_order(const exchange::onnx::Model& model) {
  std::set<std::string> known;
  for (const auto& input : model.graph.inputs) BOOST_TEST(known.insert(input.name).second, input.name);
  for (const auto& tensor : model.graph.initializers)
    BOOST_TEST(known.insert(tensor.name).second, tensor.name);
  std::set<std::string> names;
  for (const auto& node : model.graph.nodes) {
    BOOST_TEST(node.domain == "");
    BOOST_TEST(names.insert(node.name).second, node.name);
    for (const auto& input : node.inputs)
      BOOST_TEST((input.empty() || known.contains(input)), node.name << " reads " << input);
    for (const auto& output : node.outputs) BOOST_TEST(known.insert(output).second, output);
  }
  for (const auto& output : model.graph.outputs) BOOST_TEST(known.contains(output.name), output.name);
  BOOST_TEST(model.opsets.size() == 1U);
  BOOST_TEST(model.opsets.at("") == exchange::to_onnx::kOpset);
}

}  // namespace graphrun::test
