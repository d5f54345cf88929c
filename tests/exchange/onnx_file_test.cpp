#include <numeric>

#include "exchange/onnx/fields.h"
#include "exchange/onnx/wire_reader.h"
#include "tests/exchange/networks.h"

namespace graphrun::test {
namespace {

using namespace exchange;

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

onnx::Model sample() {
  onnx::Model model;
  model.producer = "a test";
  model.opsets[""] = 17;
  model.metadata["class_names"] = "[\"a\"]";
  onnx::Graph& graph = model.graph;
  graph.name = "net";
  graph.doc = "of every kind of attribute";
  graph.inputs.push_back(
      {"image", onnx::ElementType::u8, {std::int64_t{1}, std::string("H"), std::string()}});
  graph.outputs.push_back({"y", onnx::ElementType::f32, {}, false});
  graph.nodes.push_back({"Op",
                         {"image", "", "w"},
                         {"y"},
                         {{"axis", std::int64_t{-1}},
                          {"alpha", 0.25F},
                          {"mode", std::string("linear")},
                          {"pads", std::vector<std::int64_t>{0, 1, INT64_MIN, INT64_MAX}},
                          {"scales", std::vector<float>{1, -2.5F}},
                          {"names", std::vector<std::string>{"", "b"}}},
                         "node",
                         "custom"});
  graph.initializers.push_back(
      {"w", onnx::ElementType::f32, {2, 3}, bytes_of(std::vector<float>{1, 2, 3, 4, 5, 6})});
  graph.initializers.push_back({"empty", onnx::ElementType::i64, {0}, std::vector<std::byte>()});
  return model;
}

std::string bytes_of_file(const std::filesystem::path& path) { return take(core::read_file(path, 1 << 24)); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_model_reads_back_as_it_was_written) {
  const onnx::Model model = sample();
  const WrittenModel written(model);
  const onnx::Model& back = written.file.model;
  BOOST_TEST(back.producer == "a test");
  BOOST_TEST(back.opsets.at("") == 17);
  BOOST_TEST(back.metadata.at("class_names") == "[\"a\"]");
  BOOST_TEST(back.graph.name == "net");
  BOOST_TEST(back.graph.doc == model.graph.doc);
  BOOST_TEST((back.graph.inputs[0].type == onnx::ElementType::u8));
  BOOST_TEST((back.graph.inputs[0].shape == model.graph.inputs[0].shape));
  BOOST_TEST(!back.graph.outputs[0].has_shape);
  const onnx::Node& node = back.graph.nodes[0];
  BOOST_TEST(node.inputs == model.graph.nodes[0].inputs, boost::test_tools::per_element());
  BOOST_TEST(node.domain == "custom");
  BOOST_TEST((std::get<std::int64_t>(node.attributes[0].value) == -1));
  BOOST_TEST((std::get<float>(node.attributes[1].value) == 0.25F));
  BOOST_TEST((std::get<std::string>(node.attributes[2].value) == "linear"));
  BOOST_TEST((std::get<std::vector<std::int64_t>>(node.attributes[3].value) ==
              std::vector<std::int64_t>{0, 1, INT64_MIN, INT64_MAX}));
  BOOST_TEST((std::get<std::vector<float>>(node.attributes[4].value) == std::vector<float>{1, -2.5F}));
  BOOST_TEST(
      (std::get<std::vector<std::string>>(node.attributes[5].value) == std::vector<std::string>{"", "b"}));
  BOOST_TEST(elements<float>(*written.initializer("w")) == std::vector<float>({1, 2, 3, 4, 5, 6}),
             boost::test_tools::per_element());
  BOOST_TEST(written.initializer("empty")->bytes().empty());
}

BOOST_AUTO_TEST_CASE(a_cut_or_changed_file_is_an_error_or_another_model) {
  const Scratch folder;
  require_ok(onnx::write_model(sample(), folder / "net.onnx"));
  const std::string whole = bytes_of_file(folder / "net.onnx");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = onnx::parse_model(std::as_bytes(std::span(whole.data(), size)));
    if (!cut.ok()) BOOST_TEST(cut.status().message() != "");
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto model = onnx::parse_model(std::as_bytes(std::span(changed)));
      if (!model.ok()) continue;
      for (const onnx::Tensor& tensor : model->graph.initializers) {
        if (size_of(tensor.type) == 0) continue;
        BOOST_TEST(tensor.bytes().size() ==
                   static_cast<std::size_t>(take(tensor.count())) * size_of(tensor.type));
      }
    }
  }
}

// Lists of numbers in the place of raw bytes, as other writers have them.
BOOST_AUTO_TEST_CASE(tensors_may_be_lists_of_numbers) {
  const auto tensor_of = [](onnx::ElementType type, const onnx::Message& content, std::int64_t count) {
    onnx::Message tensor = content;
    tensor.integer(onnx::tensor_fields::kDims, count);
    tensor.integer(onnx::tensor_fields::kType, static_cast<std::int64_t>(type));
    onnx::Message graph;
    graph.message(onnx::graph_fields::kInitializer, tensor);
    onnx::Message model;
    model.message(onnx::model_fields::kGraph, graph);
    return onnx::parse_model(std::as_bytes(std::span(model.bytes())));
  };
  onnx::Message integers;
  for (const int value : {-1, 300, 7}) integers.integer(onnx::tensor_fields::kInt32s, value);
  const auto shorts = take(tensor_of(onnx::ElementType::i16, integers, 3));
  BOOST_TEST(elements<std::int16_t>(shorts.graph.initializers[0]) == std::vector<std::int16_t>({-1, 300, 7}),
             boost::test_tools::per_element());
  onnx::Message reals;
  reals.real(onnx::tensor_fields::kFloats, 0.5F);
  reals.text(onnx::tensor_fields::kFloats, std::string_view("\0\0\x80\x3f", 4));
  const auto floats = take(tensor_of(onnx::ElementType::f32, reals, 2));
  BOOST_TEST(elements<float>(floats.graph.initializers[0]) == std::vector<float>({0.5F, 1}),
             boost::test_tools::per_element());
  BOOST_TEST(!tensor_of(onnx::ElementType::f32, reals, 3).ok());
  BOOST_TEST(!tensor_of(onnx::ElementType::f32, reals, -2).ok());
  BOOST_TEST(!tensor_of(onnx::ElementType::f32, reals, INT64_MAX).ok());
}

// Each empty node takes two bytes of a file and much more of memory.
BOOST_AUTO_TEST_CASE(a_file_cannot_ask_for_more_memory_than_its_size_allows) {
  onnx::Message graph;
  for (int i = 0; i < 1'000'000; ++i) graph.text(onnx::graph_fields::kNode, "");
  onnx::Message model;
  model.message(onnx::model_fields::kGraph, graph);
  const auto parsed = onnx::parse_model(std::as_bytes(std::span(model.bytes())));
  BOOST_TEST_REQUIRE(!parsed.ok());
  BOOST_TEST(parsed.status().message().find("memory") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_into_a_file_is_refused_before_it_is_written) {
  const Scratch folder;
  onnx::Model model = sample();
  const auto refuse = [](const onnx::Sink&) { return Status(ErrorCode::io, "the source is gone"); };
  model.graph.initializers.push_back(
      {"large", onnx::ElementType::f32, {1 << 30}, onnx::WrittenLater{refuse}});
  Status status = onnx::write_model(model, folder / "net.onnx");
  BOOST_TEST(!status.ok());
  BOOST_TEST((status.code() == ErrorCode::unsupported));
  BOOST_TEST(status.message().find("2 GiB") != std::string::npos);
  model.graph.initializers.back().dims = {4};
  status = onnx::write_model(model, folder / "net.onnx");
  BOOST_TEST(!status.ok());
  BOOST_TEST(status.message().find("the source is gone") != std::string::npos);
  BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

}  // namespace graphrun::test
