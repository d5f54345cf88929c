#include "tests/plugin/graph.h"
#include "tests/tools/command_folder.h"

// graphc and grun with ops of a shared object.
using namespace graphrun;
using namespace graphrun::test;

BOOST_AUTO_TEST_CASE(a_network_of_strangers_ops_from_graph_to_label_map) {
  CommandFolder shell;
  const std::string ops = std::string(" --ops ") + kTestOps;
  require_ok(core::write_file(shell.path("net.json"), kGraphOfTestOps));
  shell.fail("graphc net.json -o net.fb", 1, {"op \"softsign\" is in no op library that was given"});
  shell.succeed("graphc net.json -o net.fb" + ops);
  const std::string missing =
      "net.fb: the op \"mean_square\" comes from the op library \"test ops\" 1.0, which was not given: name "
      "its file "
      "with --ops";
  for (const char* command :
       {"grun info net.fb", "grun bench net.fb --mode infer --shape 1,3,17,17 --iters 1",
        "grun train net.fb --dataset shapes -o none",
        "grun predict net.fb --weights none.safetensors --dataset shapes none.png -o none"})
    shell.fail(command, 1, {missing});
  shell.succeed("grun info net.fb -v" + ops);
  BOOST_TEST(shell.text("out.txt").find("softsign") != std::string::npos);
  shell.succeed("cp " + std::string(kTestOps) + " mine.so");  // a name without a folder is one of this folder
  shell.succeed(
      "grun train net.fb --dataset shapes --seed 3 --threads 1 --set batch_size=4 --set workers=1 "
      "--set train_h=17 --set train_w=17 --max-iters 2 -o run -q --ops mine.so");
  shell.succeed(
      "grun train net.fb --dataset shapes --threads 1 --set workers=1 --max-iters 3 --resume run -q" + ops);
  shell.succeed("grun eval --run run --set index_step=2 --set scales=1 --threads 1 -q -o out" + ops);
  shell.succeed("grun bench run/model.fb --mode train --shape 1,3,17,17 --iters 1" + ops);
}

BOOST_AUTO_TEST_CASE(a_library_of_another_build_is_refused) {
  CommandFolder shell;
  require_ok(core::write_file(shell.path("net.json"), kGraphOfTestOps));
  const std::string ops = std::string(" --ops ") + kStaleOps;
  shell.fail("graphc net.json -o net.fb" + ops, 1,
             {"--ops: ", "other headers of graphrun (0123456789abcdef)"});
  shell.succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb");
  shell.fail("grun info tiny.fb" + ops, 1, {"--ops: ", "0123456789abcdef"});
  shell.fail("grun info tiny.fb --ops nowhere.so", 1, {"--ops: nowhere.so: there is no such file"});
}
