#include "ops/cpu_backend.h"
#include "runtime/weights/tensor_file.h"
#include "tests/skip.h"
#include "tests/tools/command_folder.h"

// grun train, stopped and killed at moments that nobody chose.
using namespace graphrun;
using namespace graphrun::test;

namespace {

// The generated data set, smaller.
const std::string kData = R"({"name": "small", "classes": [
    {"name": "ground", "color": [0, 0, 0]}, {"name": "disc", "color": [220, 60, 50]},
    {"name": "square", "color": [60, 90, 220]}, {"name": "triangle", "color": [60, 170, 75]},
    {"name": "ring", "color": [230, 190, 50]}, {"name": "cross", "color": [165, 70, 175]},
    {"name": "stripes", "color": [60, 195, 205]}],
  "labels": {"identity": 7, "ignore": [255]}, "generator": {"name": "shapes", "height": 49, "width": 49},
  "splits": {"train": {"count": 80, "seed": 1}, "val": {"count": 100, "seed": 2}},
  "settings": {"test_h": 33, "test_w": 33, "base_size": 49}})";

// 10 iterations an epoch, each in two parts; the last batch of a validation is not full.
const std::string kLoud =
    " train tiny.fb --dataset small.json --seed 3 --threads 1 --set train_h=33 --set train_w=33 --set "
    "batch_size=8 --set accumulate=2 --set epochs=2 --set workers=1 --set base_lr=0.01 --set evaluate=true "
    "--set batch_size_val=6 ";
const std::string kTrain = kLoud + "-q ";
const std::string kNarrow = kTrain + "--precision bf16 --max-iters ";
// A run that no signal can miss.
const std::string kEndless = kTrain + "--set epochs=100000 ";

// With the small network compiled as tiny.fb.
struct TrainShell : CommandFolder {
  TrainShell() {
    require_ok(core::write_file(path("small.json"), kData));
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8");
  }
};

// In a shell: starts an endless run, waits until its metrics have so many lines, sends the signal.
std::string stopped(const std::string& folder, int lines, const std::string& signal) {
  return "$grun_path" + kEndless + "-o " + folder + " & pid=$!\n" + "while [ \"$(cat " + folder +
         "/metrics.jsonl 2>/dev/null | wc -l)\" -lt " + std::to_string(lines) +
         " ]; do kill -0 $pid || exit 99; sleep 0.01; done\n" + "kill -" + signal + " $pid; wait $pid";
}

void check_same(const CommandFolder& shell, const std::string& run, const std::string& whole, int epochs) {
  const std::vector<std::string> steps = shell.steps(run);
  const std::vector<std::string> expected = shell.steps(whole);
  BOOST_CHECK_EQUAL_COLLECTIONS(steps.begin(), steps.end(), expected.begin(), expected.end());
  BOOST_TEST(shell.text(run + "/epochs.jsonl") == shell.text(whole + "/epochs.jsonl"));
  for (const std::string& name : {"epoch_" + std::to_string(epochs), std::string("best")}) {
    const std::string file = "/checkpoints/" + name + ".safetensors";
    BOOST_TEST((shell.text(run + file) == shell.text(whole + file)), run + file);
  }
}

}  // namespace

// Two states of each parameter and a count of steps are in the checkpoint.
BOOST_AUTO_TEST_CASE(a_run_with_adamw_goes_on_as_if_never_stopped) {
  TrainShell shell;
  shell.fail("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o no.fb --optimizer adamv", 2,
             {"--optimizer adamv: expected one of adamw, sgd"});
  shell.succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() +
                " -o tiny.fb -D width=8 --optimizer adamw");
  shell.succeed("grun" + kTrain + "-o whole");
  shell.succeed("grun" + kTrain + "-o part --max-iters 7");
  shell.succeed("grun" + kTrain + "--resume part");
  check_same(shell, "part", "whole", 2);
}

BOOST_AUTO_TEST_CASE(a_run_that_is_done_is_left_alone) {
  TrainShell shell;
  shell.succeed("grun" + kTrain + "-o whole");
  const std::vector<std::string> whole = shell.steps("whole");
  BOOST_TEST_REQUIRE(whole.size() == 20u);
  for (const char* file :
       {"model.fb", "config.json", "checkpoints/epoch_1.safetensors", "checkpoints/epoch_2.safetensors"})
    BOOST_TEST(shell.has("whole/" + std::string(file)), file);
  BOOST_TEST(whole[0].starts_with("{\"iter\": 1, \"epoch\": 1, \"loss\": "), whole[0]);
  BOOST_TEST(whole[19].starts_with("{\"iter\": 20, \"epoch\": 2, \"loss\": "), whole[19]);
  const compiler::JsonValue config = shell.json("whole/config.json");
  BOOST_TEST((config.find("momentum") != nullptr && config.find("train_h") != nullptr));

  const std::string settings = shell.text("whole/config.json");
  const std::string metrics = shell.text("whole/metrics.jsonl");
  BOOST_TEST(shell.run("grun" + kTrain + "-o whole") != 0);
  BOOST_TEST(shell.text("err.txt").find("holds a run already") != std::string::npos, shell.text("err.txt"));
  BOOST_TEST(shell.text("whole/metrics.jsonl") == metrics);

  shell.fail("grun" + kTrain + "--resume whole --set batch_size=16", 1,
             {"20 iterations and 2 epochs", "batch_size"});
  shell.fail("grun train tiny.fb --dataset shapes -q --resume auto", 1,
             {"whole is a run of spnet_tiny on small, not of spnet_tiny on shapes"});
  shell.succeed("graphc " + (kSource / "graphs/pspnet_tiny.json").string() + " -o other.fb");
  shell.fail("grun train other.fb --dataset small.json -q --resume whole", 1,
             {"whole is a run of spnet_tiny on small, not of pspnet_tiny on small"});
  BOOST_TEST(shell.text("whole/config.json") == settings);
}

// Signals come soon after a line of the metrics, in the middle of whatever then goes on.
BOOST_AUTO_TEST_CASE(stopped_runs_go_on_as_if_never_stopped) {
  TrainShell shell;
  shell.fail(stopped("killed", 12, "KILL"), 137, {});
  shell.fail(stopped("within_an_epoch", 3, "TERM"), 143, {});
  shell.fail(stopped("between_epochs", 10, "TERM"), 143, {});
  const std::string runs[] = {"killed", "within_an_epoch", "between_epochs"};
  std::size_t most = 0;
  for (const std::string& run : runs) most = std::max(most, shell.steps(run).size());
  for (const std::string& run : {runs[1], runs[2]}) {
    const bool at_end_of_epoch = shell.steps(run).size() % 10 == 0;
    BOOST_TEST((at_end_of_epoch || shell.has(run + "/checkpoints/interrupted.safetensors")), run);
  }
  // To the end of an epoch that none of them has begun.
  const int epochs = static_cast<int>(most / 10) + 2;
  const std::string train = "grun" + kEndless + "--max-iters " + std::to_string(10 * epochs) + " ";
  shell.succeed(train + "-o whole");
  for (const std::string& run : runs) {
    BOOST_TEST_CONTEXT(run) {
      shell.succeed(train + "-o " + run + " --resume auto");
      check_same(shell, run, "whole", epochs);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_run_in_bf16_is_refused, *needs("no_bf16")) {
  if (take(ops::make_cpu_backend())->check_precision(DType::bf16).ok()) return skip("this CPU has bf16");
  TrainShell shell;
  shell.fail("grun" + kNarrow + "2 -o narrow", 1, {"--precision bf16", "no instructions for bf16"});
  BOOST_TEST(!shell.has("narrow"));
}

BOOST_AUTO_TEST_CASE(a_run_goes_on_in_its_own_precision, *needs("bf16")) {
  const Status has_bf16 = take(ops::make_cpu_backend())->check_precision(DType::bf16);
  if (!has_bf16.ok()) return skip(has_bf16.message());
  TrainShell shell;
  const std::string narrow = "grun" + kNarrow;
  shell.succeed(narrow + "2 -o narrow");
  shell.fail("grun" + kTrain + "--resume narrow", 1,
             {"narrow is a run in bf16: resume it with --precision bf16"});
  shell.succeed(narrow + "4 --resume narrow");
  shell.succeed(narrow + "4 -o whole");
  BOOST_TEST(shell.steps("narrow") == shell.steps("whole"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_best_epoch_outlives_the_others) {
  TrainShell shell;
  shell.fail("grun eval --weights best", 1, {"exp/latest"});
  shell.succeed("grun" + kTrain +
                "--set keep=1 --set batch_size=20 --set epochs=4 --set base_lr=0.02 -o run");
  double best = -1;
  std::string best_epoch;
  std::istringstream lines(shell.text("run/epochs.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const std::string key = "\"mIoU_val\": ";
    const double mean_iou = std::stod(line.substr(line.find(key) + key.size()));
    BOOST_TEST((line.find("\"best\": true") != std::string::npos) == (mean_iou > best), line);
    if (mean_iou > best) best_epoch = line.substr(10, 1);
    best = std::max(best, mean_iou);
  }
  for (const int epoch : {1, 2, 3})
    BOOST_TEST(!shell.has("run/checkpoints/epoch_" + std::to_string(epoch) + ".safetensors"));
  const auto file = open_tensors(shell.path("run/checkpoints/best.safetensors").string());
  BOOST_TEST(file->metadata().at("epoch") == best_epoch);
  BOOST_TEST(file->metadata().at("best_epoch") == best_epoch);
  BOOST_TEST(std::abs(std::stod(file->metadata().at("best_mIoU")) - best) < 1e-8);
  shell.succeed("grun eval --weights best --no-flip --no-pictures");
  BOOST_TEST(shell.has("run/result/best/val/ss/metrics.json"));
}

BOOST_AUTO_TEST_CASE(a_run_that_explodes_says_where) {
  TrainShell shell;
  shell.fail(
      "grun" + kTrain + "-o run --set base_lr=1e9", 1,
      {"iteration ", "is not finite", "the first output that is not finite is ", "nothing was updated"});
  shell.fail("grun" + kTrain + "-o other --set accumulate=3", 1, {"batch_size 8", "accumulate"});
}

BOOST_AUTO_TEST_CASE(a_run_says_what_its_batches_are) {
  TrainShell shell;
  shell.succeed("grun" + kLoud + "-o run --set accumulate=4 --max-iters 1");
  const std::string said = shell.text("out.txt");
  BOOST_TEST(said.find("batch: 8 in all, 8 on this rank, in 4 parts of 2; 2 in each batch norm") !=
                 std::string::npos,
             said);
  const std::string warned = shell.text("err.txt");
  BOOST_TEST(warned.find("batch norm sees 2 images") != std::string::npos, warned);
}

BOOST_AUTO_TEST_CASE(a_run_that_may_have_more_memory) {
  TrainShell shell;
  shell.succeed("grun" + kTrain + "-o least --max-iters 3");
  shell.succeed("grun" + kLoud + "-o more --max-iters 3 --memory-budget 1GB");
  BOOST_TEST(shell.steps("more") == shell.steps("least"), boost::test_tools::per_element());
  const std::string said = shell.text("out.txt");
  BOOST_TEST(said.find(" MB of memory planned; ") != std::string::npos, said);
  BOOST_TEST(said.find("; 0 of ") == std::string::npos, said);
  shell.fail("grun" + kTrain + "-o less --memory-budget 100KB", 1,
             {"training needs ", "memory budget is 100 kB", "batch_size", "accumulate"});
  shell.fail("grun" + kTrain + "-o none --memory-budget 0", 2, {"--memory-budget"});
}

BOOST_AUTO_TEST_CASE(a_run_weights_its_classes) {
  TrainShell shell;
  shell.succeed("grun" + kTrain + "-o plain --max-iters 1");
  shell.succeed("grun" + kTrain + "-o weighted --max-iters 1 --set class_weights=[0.1,1,1,1,1,1,1]");
  BOOST_TEST((shell.steps("plain") != shell.steps("weighted")));
  shell.succeed("grun" + kTrain + "-o suggested --max-iters 1 --set class_weights=suggested");
  // The numbers are kept, so that a resumed run has the same.
  const std::string config = shell.text("suggested/config.json");
  BOOST_TEST(config.find("\"class_weights\": {\"value\": [0.") != std::string::npos, config);
  shell.fail("grun" + kTrain + "-o short --set class_weights=[1,2]", 1,
             {"class weights: expected one for each of 7 classes, got 2"});
  shell.fail("grun" + kTrain + "-o misspelt --set class_weights=sugested", 2, {"class_weights"});
}

BOOST_AUTO_TEST_CASE(hard_pixels_and_frozen_norms_are_options_of_the_compiler) {
  TrainShell shell;
  shell.succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() +
                " -o tiny.fb -D width=8 -D ohem=1 -D frozen_bn=1");
  shell.succeed("grun" + kLoud + "-o run --max-iters 2 -D ohem_min_kept=500 -D ohem_threshold=0.5");
  BOOST_TEST(shell.text("err.txt").find("ohem_min_kept is of a part") != std::string::npos);
  BOOST_TEST(shell.steps("run").size() == 2u);
}
