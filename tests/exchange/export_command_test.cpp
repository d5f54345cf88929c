#include "exchange/onnx/read.h"
#include "tests/tools/command_folder.h"

namespace graphrun::test {

BOOST_AUTO_TEST_CASE(export_writes_a_file_or_says_what_is_wrong) {
  CommandFolder folder;
  folder.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -o net.fb -D width=8");
  const std::string command = "grun export net.fb --weights $GOLDEN/start.safetensors ";
  folder.succeed(command + "-o net.onnx --shape 1,3,33,49 -q");
  const auto file = take(exchange::onnx::read_model(folder.path("net.onnx")));
  BOOST_TEST(file.model.graph.outputs[0].name == "logits");
  folder.succeed(command + "-o classes.onnx --shape 1,3,33,49 --output classes --pixels");
  BOOST_TEST(take(exchange::onnx::read_model(folder.path("classes.onnx"))).model.graph.outputs[0].name ==
             "classes");

  folder.fail(command + "-o x.onnx --dynamic", 1, {"adaptive_avg_pool", "--shape"});
  folder.fail(command + "-o x.onnx --shape 1,4,33,49", 2, {"--shape: expected N,3,H,W"});
  folder.fail(command + "-o x.onnx --shape 1,3,33,49 --dynamic", 2, {"--shape"});
  folder.fail(command + "-o x.onnx --opset 9", 2, {"--opset"});
  folder.fail("grun export net.fb -o x.onnx --shape 1,3,33,49", 2, {"--weights"});
  BOOST_TEST(!folder.has("x.onnx"));
}

}  // namespace graphrun::test
