#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/core/file.h"

// Short graph files that ask for much work. Each was minutes to hours, or gigabytes; the test's time limit is
// the assertion, besides what is said here.
namespace {

namespace fs = std::filesystem;
using namespace graphrun;

compiler::Compiled compiled(const std::string& json) {
  std::string folder = (fs::temp_directory_path() / "graphrun_XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const fs::path path = fs::path(folder) / "graph.json";
  BOOST_REQUIRE(core::write_file(path, json).ok());
  compiler::Compiled result = compiler::compile(path, {}, ops::op_registry());
  fs::remove_all(folder);
  return result;
}

constexpr std::string_view kInputs = R"({"inputs":{"image":{"shape":["N",3,"H","W"]}},)";

void expect(const std::string& json, std::string_view part) {
  const compiler::Compiled result = compiled(std::string(kInputs) + json);
  BOOST_TEST((result.errors.find(part) != std::string::npos), result.errors.substr(0, 1000));
}

std::string joined(int count, const std::function<std::string(int)>& item) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? "," : "") + item(i);
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_nodes_of_one_name) {
  const compiler::Compiled result =
      compiled(std::string(kInputs) +
               R"("graph":[{"repeat":8000,"graph":[{"op":"relu","out":"y"}]}],"outputs":{"logits":"y"}})");
  BOOST_REQUIRE_MESSAGE(result.model, result.errors.substr(0, 1000));
  const std::vector<Node>& nodes = result.model->methods[0].nodes;
  BOOST_TEST(nodes.size() == 8000);
  BOOST_TEST(nodes[0].path == "relu");
  BOOST_TEST(nodes[7999].path == "relu_8000");
}

BOOST_AUTO_TEST_CASE(more_statements_than_a_graph_may_have) {
  expect(R"("graph":[{"repeat":9000,"graph":[{"op":"relu","out":"y"}]}],"outputs":{"logits":"y"}})",
         "the graph expands to more than");
}

// 400 bytes that took three seconds and 150 MB.
BOOST_AUTO_TEST_CASE(more_parameters_than_a_graph_to_be_trained_may_have) {
  const std::string graph =
      R"("graph":[{"op":"conv2d","as":"c","kernel":1,"out_channels":3,"out":"y"},)"
      R"({"repeat":1100,"index":"i","as":"r{i}","graph":[{"op":"batch_norm","as":"b","out":"y"}]}],)"
      R"("outputs":{"logits":"y"})";
  const std::string losses =
      R"(,"losses":{"main":{"op":"cross_entropy","logits":"y","label":"label"}},"train":{"optimizer":{"op":"sgd"}}})";
  const std::string inputs = R"({"inputs":{"image":{"shape":["N",3,"H","W"]},)"
                             R"("label":{"shape":["N","H","W"],"dtype":"i32"}},)";
  const compiler::Compiled trained = compiled(inputs + graph + losses);
  BOOST_TEST(
      (trained.errors.find("a graph with losses may have 4096 parameters and buffers") != std::string::npos),
      trained.errors.substr(0, 1000));
  const compiler::Compiled inferred = compiled(std::string(kInputs) + graph + "}");
  BOOST_TEST(inferred.errors == "");
}

BOOST_AUTO_TEST_CASE(a_block_of_many_parameters_called_often) {
  const std::string parameters =
      joined(1000, [](int i) { return "\"p" + std::to_string(i) + "\":{\"default\":\"1 + 2 + 3\"}"; });
  expect(R"("blocks":{"b":{"inputs":["x"],"parameters":{)" + parameters +
             R"(},"graph":[{"op":"relu"}]}},"graph":[{"repeat":50000,"graph":[{"block":"b","out":"y"}]}],)" +
             R"("outputs":{"logits":"y"}})",
         "the graph expands to statements of more than");
}

BOOST_AUTO_TEST_CASE(many_operands_often) {
  const std::string operands = joined(10000, [](int) { return std::string("\"image\""); });
  expect(R"("graph":[{"repeat":90000,"graph":[{"op":"concat","x":[)" + operands +
             R"(],"out":"y"}]}],"outputs":{"logits":"y"}})",
         "the graph expands to statements of more than");
}

BOOST_AUTO_TEST_CASE(unknown_names_among_many) {
  const std::string lets =
      joined(10000, [](int i) { return R"({"let":"value)" + std::to_string(i) + R"(","be":"image"})"; });
  const std::string wrong =
      joined(50000, [](int i) { return R"({"op":"relu","x":"walue)" + std::to_string(i) + R"("})"; });
  const compiler::Compiled result =
      compiled(std::string(kInputs) + R"("graph":[)" + lets + "," + wrong + R"(],"outputs":{}})");
  BOOST_TEST(result.diagnostics.size() == 100);
  BOOST_TEST(result.errors.find("more errors are not shown") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_unknown_name_often) {
  const std::string lets =
      joined(10000, [](int i) { return R"({"let":"value)" + std::to_string(i) + R"(","be":"image"})"; });
  const compiler::Compiled result =
      compiled(std::string(kInputs) + R"("graph":[)" + lets +
               R"(,{"repeat":5000,"graph":[{"op":"relu","x":"walue"}]}],"outputs":{}})");
  BOOST_TEST(result.diagnostics.size() == 1);
}

BOOST_AUTO_TEST_CASE(names_that_grow_with_every_block) {
  std::string graph = R"({"op":"relu","as":"a","out":"y"})";
  for (int i = 0; i < 20; ++i) graph = R"({"as":")" + std::string(400, 'n') + R"(","graph":[)" + graph + "]}";
  expect(R"("graph":[)" + graph + R"(],"outputs":{"logits":"y"}})", "the path is longer than 512 bytes");
  expect(R"("graph":[{"op":"relu","as":")" + std::string(600, 'n') +
             R"(","out":"y"}],"outputs":{"logits":"y"}})",
         "a name of more than 512 bytes");
}

BOOST_AUTO_TEST_CASE(patterns_of_many_stars) {
  const std::string stars = joined(2000, [](int i) {
    return R"({"match":"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b)" + std::to_string(i) + R"("})";
  });
  const std::string nodes = joined(1000, [](int i) {
    return R"({"op":"conv2d","as":")" + std::string(300, 'a') + std::to_string(i) +
           R"(","kernel":1,"out_channels":3,"bias":false,"out":"y"})";
  });
  const compiler::Compiled result = compiled(
      R"({"inputs":{"image":{"shape":["N",3,"H","W"]},"label":{"shape":["N","H","W"],"dtype":"i32"}},"graph":[)" +
      nodes +
      R"(],"outputs":{"logits":"y"},"losses":{"main":{"op":"cross_entropy","logits":"y","label":"label"}},)" +
      R"("train":{"optimizer":{"op":"sgd"},"groups":[)" + stars + "]}}");
  BOOST_TEST((result.errors.find("too many patterns for so many parameters") != std::string::npos),
             result.errors.substr(0, 1000));
}

BOOST_AUTO_TEST_CASE(more_values_than_a_file_may_have) {
  expect(R"("graph":[)" + joined(300000, [](int) { return std::string("0"); }) + R"(],"outputs":{}})",
         "too many values in the files of one graph");
}

BOOST_AUTO_TEST_CASE(defaults_that_are_no_integers_of_a_file) {
  for (const char* value : {"9223372036854775807", "-9223372036854775808", "18446744073709551615"}) {
    expect(R"("parameters":{"n":{"default":)" + std::string(value) +
               R"(}},"graph":[{"op":"relu","out":"y"}],"outputs":{"logits":"y"}})",
           value[0] == '1' ? "" : "must be an integer from -2^53 to 2^53");
  }
}

BOOST_AUTO_TEST_CASE(channels_that_are_sums_of_many_symbols) {
  // Each map has channels of its own, and a concatenation adds them up.
  const std::string maps = joined(300, [](int i) {
    return R"({"op":"conv2d","as":"c)" + std::to_string(i) + R"(","x":"image","kernel":1,"out_channels":"p)" +
           std::to_string(i) + R"(","out":"c)" + std::to_string(i) + R"("})";
  });
  const std::string parameters =
      joined(300, [](int i) { return "\"p" + std::to_string(i) + R"(":{"default":4,"min":1,"max":9})"; });
  const std::string names = joined(300, [](int i) { return "\"c" + std::to_string(i) + "\""; });
  expect(R"("parameters":{)" + parameters + R"(},"graph":[)" + maps + R"(,{"op":"concat","x":[)" + names +
             R"(],"out":"y"}],"outputs":{"logits":"y"}})",
         "an extent overflows");
}
