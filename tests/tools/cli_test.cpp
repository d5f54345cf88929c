#include <set>

#include "runtime/weights/safetensors.h"
#include "tests/tools/command_folder.h"

// The built programs, used as a person at a shell uses them.
using namespace graphrun;
using namespace graphrun::test;
namespace fs = std::filesystem;

namespace {

// With the small network compiled as tiny.fb.
class Shell : public CommandFolder {
 public:
  Shell() {
    BOOST_TEST_REQUIRE(
        run("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8") == 0);
  }
};

// 10 iterations an epoch.
const std::string kTrain =
    " train tiny.fb --dataset shapes --seed 3 --threads 2 --set train_h=33 --set train_w=33 --set "
    "batch_size=40 "
    "--set epochs=2 --set workers=1 --set base_lr=0.01 -q ";

}  // namespace

BOOST_AUTO_TEST_CASE(the_newest_run_is_evaluated_and_predicts) {
  Shell shell;
  shell.fail("grun eval", 1, {"exp/latest"});
  shell.succeed("grun" + kTrain + "--max-iters 2");
  BOOST_TEST(shell.steps("exp/latest").size() == 2u);
  shell.succeed("grun eval --no-flip --set test_h=65 --set test_w=65");
  const fs::path result = [&] {
    for (const auto& entry : fs::recursive_directory_iterator(fs::canonical(shell.path("exp/latest"))))
      if (entry.path().filename() == "metrics.json") return entry.path().parent_path();
    return fs::path();
  }();
  BOOST_REQUIRE_MESSAGE(!result.empty(), "no metrics.json in the run's folder");
  compiler::Diagnostics diagnostics;
  compiler::JsonBudget budget;
  const auto metrics = compiler::read_json(result / "metrics.json", "metrics.json", budget, diagnostics);
  BOOST_REQUIRE(metrics);
  for (const char* key : {"mIoU", "mAcc", "aAcc", "images", "protocol"}) BOOST_TEST(metrics->find(key), key);
  BOOST_TEST_REQUIRE(metrics->find("per_class"));
  BOOST_TEST(metrics->find("per_class")->items.size() == 7u);
  const auto files = [](const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  };
  BOOST_TEST(files(result / "gray") == 100);
  BOOST_TEST(files(result / "color") == 100);

  // The model of the run knows preprocessing, classes and colours: any picture will do.
  const std::string picture = fs::directory_iterator(result / "color")->path().string();
  shell.succeed("grun predict exp/latest/model.fb --weights exp/latest/checkpoints/*.safetensors -o labels " +
                picture);
  BOOST_TEST(files(shell.path("labels/gray")) == 1);

  // A folder of somebody else's, with a name that would change a terminal's title.
  shell.succeed("mkdir others; cp " + picture + " \"others/$(printf 'a\\033]0;b\\a.png')\"");
  shell.succeed(
      "grun predict exp/latest/model.fb --weights exp/latest/checkpoints/*.safetensors -o labels others");
  const std::string said = shell.text("out.txt") + shell.text("err.txt");
  BOOST_TEST(said.find('\x1b') == std::string::npos);
  BOOST_TEST(said.find("a\\x1B]0;b\\x07 ") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(an_iteration_is_profiled) {
  Shell shell;
  shell.succeed("grun" + kTrain + "--max-iters 3 --profile trace.json");
  compiler::Diagnostics diagnostics;
  compiler::JsonBudget budget;
  const auto trace = compiler::read_json(shell.path("trace.json"), "trace.json", budget, diagnostics);
  BOOST_REQUIRE(trace.has_value());
  std::set<std::string> names;
  for (const auto& event : trace->find("traceEvents")->items) names.insert(event.find("name")->text);
  for (const char* name : {"wait for the loader", "image and label, copy", "pretrained.conv1.0", "update"})
    BOOST_TEST(names.contains(name), name);
  shell.succeed("grun bench tiny.fb --mode train --shape 2,3,33,33 --iters 1 --profile bench.json -q");
  BOOST_TEST(shell.text("bench.json").starts_with("{\"traceEvents\": ["));
}

BOOST_AUTO_TEST_CASE(tensors_go_in_and_out_as_npy) {
  Shell shell;
  shell.succeed(
      "grun run tiny.fb --weights $GOLDEN/start.safetensors --input $GOLDEN/image.npy --output y.npy");
  weights::NpyArray logits = take(weights::read_npy(shell.path("y.npy").string()));
  weights::NpyArray golden = take(weights::read_npy((kTiny / "logits.npy").string()));
  BOOST_TEST((logits.desc.shape == Shape{2, 11, 65, 65}));
  BOOST_TEST(relative_distance(floats(logits).first(floats(golden).size()), floats(golden)) < 1e-4);
  shell.succeed(
      "grun run tiny.fb --weights $GOLDEN/start.safetensors --input image=$GOLDEN/image.npy "
      "--output logits=again.npy");
  BOOST_TEST(shell.text("y.npy") == shell.text("again.npy"));
  shell.succeed(
      "grun run tiny.fb --weights $GOLDEN/start.safetensors --input $GOLDEN/image.npy --output parts.npy "
      "--parts");
  weights::NpyArray parts = take(weights::read_npy(shell.path("parts.npy").string()));
  BOOST_TEST(relative_distance(floats(parts), floats(logits)) < 1e-5);
  shell.fail("grun run tiny.fb --weights $GOLDEN/start.safetensors --input $GOLDEN/logits.npy --output z.npy",
             1, {"logits.npy", "(N, 3, H, W)"});
  BOOST_TEST(!shell.has("z.npy"));
}

BOOST_AUTO_TEST_CASE(each_input_of_a_model_is_given_by_its_name) {
  CommandFolder shell;
  require_ok(core::write_file(shell.path("two.json"), R"({
    "inputs": {"rgb": {"role": "image", "shape": ["N", 3, "H", "W"]}, "depth": {"shape": ["N", 1, "H", "W"]}},
    "graph": [{"op": "concat", "x": ["rgb", "depth"]},
              {"op": "conv2d", "as": "score", "out_channels": 2, "kernel": 1, "out": "y"}],
    "outputs": {"seg": {"value": "y", "role": "logits"}}})"));
  shell.succeed("graphc two.json -o two.fb");
  const std::vector<float> weight{1, 0, 0, 10, 0, 0, 1, -10};
  const weights::NamedTensor tensor{"score.weight", TensorDesc::dense(DType::f32, {2, 4, 1, 1}),
                                    std::as_bytes(std::span(weight))};
  require_ok(weights::write_safetensors(shell.path("w.safetensors").string(), {&tensor, 1}, {}));
  const auto npy = [&](const std::string& name, const Shape& shape, float first) {
    std::vector<float> values(static_cast<std::size_t>(shape.count()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<float>(i);
    require_ok(weights::write_npy(shell.path(name).string(), TensorDesc::dense(DType::f32, shape),
                                  std::as_bytes(std::span(values))));
  };
  npy("rgb.npy", {1, 3, 1, 2}, 0);
  npy("depth.npy", {1, 1, 1, 2}, 7);
  npy("other.npy", {1, 1, 2, 2}, 7);
  const std::string run = "grun run two.fb --weights w.safetensors --output y.npy --input ";
  shell.succeed(run + "rgb.npy --input depth=depth.npy");
  weights::NpyArray y = take(weights::read_npy(shell.path("y.npy").string()));
  BOOST_TEST((copy_of(floats(y)) == std::vector<float>{70, 81, -66, -75}));
  shell.fail(run + "rgb.npy", 2, {"--input depth=FILE.npy is missing"});
  shell.fail(run + "rgb.npy --input dept=depth.npy", 2, {"no input \"dept\"; did you mean \"depth\"?"});
  shell.fail(run + "rgb.npy --input rgb=rgb.npy", 2, {"\"rgb\" is given twice"});
  shell.fail(run + "rgb.npy --input depth=rgb.npy", 1, {"rgb.npy: expected f32 (N, 1, H, W)"});
  shell.fail(run + "rgb.npy --input depth=other.npy", 1, {"expected (N, 3, H, W), got (1, 3, 1, 2)"});
}

BOOST_AUTO_TEST_CASE(prepared_weights_are_kept_from_run_to_run) {
  Shell shell;
  const std::string run =
      "grun run tiny.fb --weights start.safetensors --input $GOLDEN/image.npy --output y.npy -v";
  const auto kept = [&shell](const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(shell.path(folder))) files.push_back(entry.path());
    return files;
  };
  // Also where the group may write what this user makes, as on many systems.
  shell.succeed("umask 002\ncp $GOLDEN/start.safetensors .\n" + run);
  const std::string logits = shell.text("y.npy");
  BOOST_TEST_REQUIRE(kept("cache/graphrun/prepared").size() == 1u);
  const fs::path file = kept("cache/graphrun/prepared")[0];
  const auto access = fs::status(file).permissions() & fs::perms::mask;
  BOOST_TEST((access == (fs::perms::owner_read | fs::perms::owner_write)));
  const auto inode = [&shell, &file] {
    shell.succeed("stat -c %i '" + file.string() + "'");
    return shell.text("out.txt");
  };
  const std::string first = inode();
  shell.succeed("umask 002\n" + run);
  BOOST_TEST(shell.text("y.npy") == logits);
  BOOST_TEST(shell.text("err.txt") == "");
  BOOST_TEST(inode() == first);
  // Other weights under the same name.
  shell.succeed("cp $GOLDEN/start.safetensors . && " + run);
  BOOST_TEST(shell.text("err.txt").find("prepared from other weights") != std::string::npos);
  BOOST_TEST(shell.text("y.npy") == logits);
  BOOST_TEST(inode() != first);
  BOOST_TEST(kept("cache/graphrun/prepared").size() == 1u);
  // Nothing else in a folder is touched, and what a killed run left goes after a while.
  const std::string name = file.filename().string();
  shell.succeed(
      "mkdir -p own/prepared && cd own/prepared && truncate -s 5G model.safetensors other.forms "
      "old-f32-0123456789abcdef.forms"
      " && touch -d '2 hours ago' " +
      name + ".1.0.tmp && touch " + name + ".2.0.tmp");
  shell.succeed(run + " --cache own");
  for (const std::string& there :
       {std::string("model.safetensors"), std::string("other.forms"), name, name + ".2.0.tmp"})
    BOOST_TEST(shell.has("own/prepared/" + there), there);
  for (const std::string& gone : {std::string("old-f32-0123456789abcdef.forms"), name + ".1.0.tmp"})
    BOOST_TEST(!shell.has("own/prepared/" + gone), gone);
  shell.succeed("rm -r cache own\n" + run + " --cache none");
  BOOST_TEST(!shell.has("cache"));
  shell.fail(run + " --cache start.safetensors", 1, {"--cache start.safetensors: "});
}

BOOST_AUTO_TEST_CASE(checkpoints_are_converted) {
  Shell shell;
  const std::string pth = (kSource / "tests/weights/golden/zip_checkpoint.pth").string();
  shell.succeed("grun convert " + pth + " out.safetensors");
  const auto from = open_tensors(pth);
  const auto to = open_tensors(shell.path("out.safetensors"));
  BOOST_TEST_REQUIRE(to->tensors().size() == from->tensors().size());
  for (const weights::NamedTensor& tensor : from->tensors()) {
    const weights::NamedTensor* found = to->find(tensor.name);
    BOOST_REQUIRE_MESSAGE(found != nullptr, tensor.name);
    BOOST_TEST(std::ranges::equal(found->bytes, tensor.bytes), tensor.name);
  }
  shell.succeed("grun convert $GOLDEN/start.safetensors checked.safetensors --model tiny.fb");
  shell.fail("grun convert " + pth + " wrong.safetensors --model tiny.fb", 1, {"missing"});
  BOOST_TEST(!shell.has("wrong.safetensors"));
}

BOOST_AUTO_TEST_CASE(names_of_other_implementations_become_the_models) {
  Shell shell;
  shell.succeed(R"(mkdir -p home/graphs/maps
echo '{"prefixes": {"pretrained.": "backbone.", "pretrained.layer4.": "last."}}' > home/graphs/maps/theirs.json
echo '{"prefixes": {"backbone.": "pretrained.", "last.": "pretrained.layer4."}}' > home/graphs/maps/ours.json)");
  shell.succeed(
      "export GRAPHRUN_HOME=home\ngrun convert $GOLDEN/start.safetensors theirs.safetensors --map theirs");
  BOOST_TEST(open_tensors(shell.path("theirs.safetensors"))->find("last.0.conv1.weight"));
  shell.fail("grun convert theirs.safetensors out.safetensors --model tiny.fb", 1, {"missing"});
  const std::string back =
      "export GRAPHRUN_HOME=home\ngrun convert theirs.safetensors out.safetensors --model tiny.fb --map ";
  shell.succeed(back + "ours");
  const auto from = open_tensors(kSource / "tests/golden/spnet_tiny/start.safetensors");
  const auto to = open_tensors(shell.path("out.safetensors"));
  BOOST_TEST_REQUIRE(to->tensors().size() == from->tensors().size());
  for (const weights::NamedTensor& tensor : from->tensors())
    BOOST_TEST(std::ranges::equal(to->find(tensor.name)->bytes, tensor.bytes), tensor.name);
  shell.fail(back + "others", 1, {"no map \"others\"", "ours, theirs"});
}

BOOST_AUTO_TEST_CASE(reports) {
  Shell shell;
  for (const std::string mode : {"infer", "train"}) {
    shell.succeed("grun bench tiny.fb --mode " + mode + " --shape 1,3,33,33 --iters 2 --json");
    const compiler::JsonValue report = shell.json("out.txt");
    for (const char* key : {"median_s", "min_s", "max_s", "images_per_s", "peak_rss_mb"})
      BOOST_TEST(report.find(key), key);
  }
  const std::string bench = "grun bench tiny.fb --shape 1,3,33,33 --iters 1 --json --memory-budget 1GB";
  shell.succeed(bench + " --mode train");
  const compiler::JsonValue report = shell.json("out.txt");
  for (const char* key : {"planned_mb", "recomputations", "recomputations_undone"})
    BOOST_TEST(report.find(key), key);
  shell.fail(bench, 2, {"--memory-budget is of --mode train"});
  const std::string several = "grun bench tiny.fb --shape 1,3,33,33 --iters 2 --threads 1 --sessions 3";
  shell.succeed(several + " --json");
  BOOST_TEST(shell.text("out.txt").find("\"sessions\": 3,") != std::string::npos);
  for (const char* other : {" --mode train", " -v", " --profile trace.json"})
    shell.fail(several + other, 2, {"--sessions is of --mode infer"});
  shell.succeed("grun info tiny.fb --shape 1,3,65,65");
  shell.succeed("grun doctor");
  for (const char* part :
       {"avx2", "oneDNN", "libpng", "FlatBuffers", "RapidJSON", "bf16", "parallel by lib", "available"})
    BOOST_TEST(shell.text("out.txt").find(part) != std::string::npos, part);
  shell.succeed("grun doctor --check");
  BOOST_TEST(shell.text("out.txt").ends_with("everything works\n"), shell.text("out.txt"));
  shell.fail("GRAPHRUN_HOME=. TMPDIR=nowhere grun doctor --check", 1, {"$TMPDIR"});
  shell.succeed("grun data list");
  BOOST_TEST(shell.text("out.txt").find("shapes") != std::string::npos);
  shell.succeed("grun data check shapes");
}

BOOST_AUTO_TEST_CASE(wrong_command_lines_and_wrong_input_differ) {
  Shell shell;
  shell.fail("graphc", 2, {"GRAPH"});
  shell.fail("graphc nowhere.json -o x.fb", 1, {"nowhere.json"});
  shell.fail("grun", 2, {});
  shell.fail("grun dance", 2, {"subcommand"});
  shell.fail("grun train tiny.fb", 2, {"--dataset"});
  shell.fail("grun info nowhere.fb", 1, {"nowhere.fb"});
  shell.fail("grun info tiny.fb -D width=16", 2, {"width", "structural"});
  shell.fail("grun info tiny.fb -D clases=3", 2, {"clases", "classes"});
  shell.fail("grun train tiny.fb --dataset shape", 1, {"shape"});
  shell.fail("grun train tiny.fb --dataset shapes --set base_lrr=1", 2, {"base_lrr", "base_lr"});
  BOOST_TEST(!shell.has("exp"));
  shell.fail("grun info tiny.fb --device cud", 2, {"--device", "cud: expected auto, cuda, cuda:N, cpu"});
  shell.fail("grun info tiny.fb --device cuda:x", 2, {"expected auto, cuda, cuda:N, cpu"});
  // More GPUs than any machine has; where there is none, or no CUDA, it says that.
  shell.fail("grun info tiny.fb --device cuda:99", 1, {"--device cuda:99: ", "GPU"});
  shell.fail("grun info tiny.fb --precision f16", 2, {"--precision", "f16", "bf16"});
  shell.fail("grun data check nope", 1, {"no data set is called 'nope'"});
  const std::string said = shell.text("err.txt");
  BOOST_TEST(said.find("nope.json") == said.rfind("nope.json"), said);
  shell.succeed("grun bench --help");
  const std::string help = shell.text("out.txt");
  // Before CLI11 2.4 a default stands behind "=", later in brackets.
  for (const std::string fallback : {"infer", "[1,3,480,480]", "10", "0"}) {
    const bool is_said = help.find("=" + fallback) != std::string::npos ||
                         help.find(" [" + fallback + "]") != std::string::npos;
    BOOST_TEST(is_said, fallback + ": " + help);
  }
  shell.succeed("grun --help");
}

BOOST_AUTO_TEST_CASE(truncated_files) {
  Shell shell;
  const std::string tail = " --input $GOLDEN/image.npy --output y.npy";
  shell.truncate(shell.path("tiny.fb").string(), "half.fb");
  shell.truncate((kTiny / "start.safetensors").string(), "half.safetensors");
  shell.truncate((kSource / "tests/weights/golden/zip_checkpoint.pth").string(), "half.pth");
  shell.truncate((kSource / "tests/weights/golden/legacy_checkpoint.pth").string(), "half_legacy.pth");
  shell.truncate((kTiny / "image.npy").string(), "half.npy");
  shell.fail("grun run half.fb --weights $GOLDEN/start.safetensors" + tail, 1, {"half.fb"});
  const std::string run = "grun run tiny.fb" + tail + " --weights ";
  for (const std::string file : {"half.safetensors", "half.pth", "half_legacy.pth"})
    shell.fail(run + file, 1, {file});
  shell.fail("grun run tiny.fb --weights $GOLDEN/start.safetensors --input half.npy --output y.npy", 1,
             {"half.npy"});
  BOOST_TEST(!shell.has("y.npy"));
}

BOOST_AUTO_TEST_CASE(attention_masks_fit_the_crop_or_say_what_would) {
  CommandFolder shell;
  const std::string graph =
      "graphc " + (kSource / "graphs/psanet_tiny.json").string() + " -o psa.fb -D width=2 ";
  shell.succeed(graph + "-D compact=1");
  shell.succeed("grun info psa.fb -q");
  shell.fail(
      "grun info psa.fb -D mask_w=17", 1,
      {"psa.attention.psa_mask", "expected the size of x where it is compact, (16, 16), got (16, 17)"});
  shell.succeed(graph);
  shell.fail("grun info psa.fb --shape 1,3,249,241", 1,
             {"attention works at 1/(8*shrink_factor)", "H = 249"});
  shell.fail("grun info psa.fb -D mask_h=30", 1,
             {"psa.attention.psa_mask", "expected odd numbers, got (30, 31)"});
}

BOOST_AUTO_TEST_CASE(arithmetic_of_a_pyramid_is_reported) {
  CommandFolder shell;
  shell.succeed("graphc " + (kSource / "graphs/pspnet_tiny.json").string() + " -o psp.fb");
  shell.succeed("grun info psp.fb --shape 1,3,57,57");
  BOOST_TEST(shell.text("out.txt").find("\n  cls.0_bn ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_list_defines_numbered_parameters) {
  CommandFolder shell;
  const std::string graph = "graphc " + (kSource / "graphs/pspnet_tiny.json").string() + " --print ";
  shell.succeed(graph + "-D bins=1,2,4,8");
  BOOST_TEST(shell.text("out.txt").find("output=8 ->") != std::string::npos);
  shell.fail(graph + "-D bins=1,2,4,8,16", 2, {"-D bins: expected a list of 4 values, got 5"});
  shell.fail(graph + "-D bins=1,6", 2, {"-D bins: expected a list of 4 values, got 2"});
  shell.fail(graph + "-D bins=6", 2, {"-D bins: expected a list of 4 values, got 1"});
  shell.fail(graph + "-D classes=1,6", 2, {"-D classes: expected one value, got 2"});
  shell.fail(graph + "-D bin=1,6", 2, {"-D bin: the graph has no such parameter"});
  shell.fail(graph + "-D bins=1,,4", 2, {"expected name=number"});
  shell.fail(graph + "-D bins=1,0,3,6", 1, {"the graph requires", "bins of 0 stand at the end"});
}
