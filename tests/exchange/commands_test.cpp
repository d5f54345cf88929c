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

BOOST_AUTO_TEST_CASE(import_writes_a_graph_that_graphc_compiles_and_its_weights) {
  CommandFolder folder;
  folder.succeed("graphc $GRAPHRUN_HOME/graphs/spnet_tiny.json -o net.fb -D width=8");
  folder.succeed("grun export net.fb --weights $GOLDEN/start.safetensors -o net.onnx --shape 1,3,33,49 -q");
  folder.succeed("grun import net.onnx -o back");
  folder.succeed("grun info back.fb -q --shape 2,3,33,49");
  folder.succeed("graphc back.json -o again.fb");
  folder.succeed("grun export back.fb --weights back.safetensors -o again.onnx --shape 1,3,33,49 -q");

  folder.succeed("head -c 5000 net.onnx >cut.onnx");
  folder.fail("grun import cut.onnx -o cut", 1, {"cut.onnx"});
  folder.fail("grun import missing.onnx -o cut", 1, {"missing.onnx"});
  BOOST_TEST(!folder.has("cut.json"));
}

}  // namespace graphrun::test
