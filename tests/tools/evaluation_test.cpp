#include "datasets/image_io.h"
#include "tests/skip.h"
#include "tests/tools/command_folder.h"

// `grun eval` and `grun predict` as a person uses them: parts of a split, protocols, splits without labels,
// results for submission, memory.
using namespace graphrun;
using namespace graphrun::test;

namespace {

// A run on the generated images, stopped after two steps.
struct Run : CommandFolder {
  Run() {
    succeed("graphc " + (kSource / "graphs/spnet_tiny.json").string() + " -o tiny.fb -D width=8");
    succeed(
        "grun train tiny.fb --dataset shapes --seed 3 --threads 2 --set train_h=33 --set train_w=33 "
        "--set batch_size=40 --set workers=1 --max-iters 2 -q");
  }
  std::vector<std::string> files(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path(folder))) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
};

const std::string kPart = "grun eval --set test_h=33 --set test_w=33 --set index_start=3 --set index_step=2 ";

const std::string kRun =
    "grun run exp/latest/model.fb --weights exp/latest/checkpoints/*.safetensors --input $GOLDEN/image.npy ";

const std::string kDescriptor = R"({
  "name": "own",
  "classes": [{"name": "a", "color": [1, 0, 0]}, {"name": "b", "color": [2, 0, 0]}, {"name": "c", "color": [3, 0, 0]},
              {"name": "d", "color": [4, 0, 0]}, {"name": "e", "color": [5, 0, 0]}, {"name": "f", "color": [6, 0, 0]},
              {"name": "g", "color": [7, 0, 0]}],
  "labels": {"offset": -1, "ignore": [0]},
  "splits": {
    "test": {"images": "part/overlay", "image_suffix": ".png", "labelled": false},
    "val": {"images": "part/overlay", "labels": "test/label", "image_suffix": ".png", "label_suffix": ".png"}
  }
})";

}  // namespace

BOOST_AUTO_TEST_CASE(parts_of_a_split_protocols_and_splits_without_labels) {
  Run shell;
  shell.succeed(kPart + "-o part");
  BOOST_TEST(shell.files("part/gray").size() == 2u);
  BOOST_TEST(shell.json("part/metrics.json").find("images")->integer == 2);
  BOOST_TEST(shell.text("out.txt").find("of memory planned") != std::string::npos, shell.text("out.txt"));

  const std::string results = "exp/latest/result/";
  shell.succeed(kPart);
  const compiler::JsonValue part = shell.json(results + "interrupted/val/ss_3_2/metrics.json");
  BOOST_TEST(part.find("protocol")->find("index_start")->integer == 3);
  BOOST_TEST(part.find("protocol")->find("index_step")->integer == 2);
  shell.succeed("grun eval --set index_start=3 --set index_step=2 --predictions part/gray");
  const compiler::JsonValue scored = shell.json(results + "predictions/val_3_2/metrics.json");
  BOOST_TEST(scored.find("mIoU")->real == part.find("mIoU")->real);

  shell.succeed(kPart + "--batch 3 -o batch");
  for (const std::string& file : shell.files("part/gray"))
    BOOST_TEST(shell.text("part/gray/" + file) == shell.text("batch/gray/" + file), file);

  require_ok(core::write_file(shell.path("own.json"), kDescriptor));
  const std::string model = "exp/latest/model.fb --weights exp/latest/checkpoints/*.safetensors";
  shell.succeed(
      "grun eval " + model +
      " --dataset own.json --data-root . --split test --protocol whole --set base_size=0 --label-ids "
      "-v -o test");
  BOOST_TEST(shell.text("out.txt").find("label maps: ") != std::string::npos, shell.text("out.txt"));
  BOOST_TEST(!shell.has("test/metrics.json"));
  BOOST_TEST(shell.files("test/gray") == shell.files("part/overlay"), boost::test_tools::per_element());
  shell.succeed(
      "grun eval --dataset own.json --data-root . --predictions test/label --predictions-as label -o score");
  BOOST_TEST(shell.json("score/metrics.json").find("aAcc")->real > 0.999999);

  shell.succeed("grun predict " + model +
                " --protocol whole --set base_size=0 -o predicted part/overlay/*.png");
  for (const std::string& file : shell.files("test/gray"))
    BOOST_TEST(shell.text("predicted/gray/" + file) == shell.text("test/gray/" + file), file);
}

// The PNG of 16 bits, the array, ids of what is unsure, and a temperature that changes all but the labels.
BOOST_AUTO_TEST_CASE(probabilities_and_their_calibration) {
  Run shell;
  // At a rate at which it learns: without a temperature there is that of chance.
  shell.succeed(
      "grun train tiny.fb --dataset shapes --seed 3 --threads 2 --set train_h=33 --set train_w=33 --set "
      "batch_size=40 --set workers=1 --set base_lr=0.01 --max-iters 2 -q -o run");
  const std::string eval = kPart + "--run run -q ";
  shell.succeed(eval + "--confidence --probabilities -o sure");
  const std::string name = shell.files("sure/gray").front();
  const datasets::LabelImage ids = take(datasets::read_label(shell.path("sure/gray/" + name)));
  const datasets::LabelImage sure = take(datasets::read_label(shell.path("sure/confidence/" + name)));
  weights::NpyArray all = take(weights::read_npy(
      shell.path("sure/probabilities/" + fs::path(name).stem().string() + ".npy").string()));
  BOOST_TEST((all.desc.shape == Shape{7, ids.height, ids.width}));
  const std::span<const float> probabilities = floats(all);
  for (std::size_t i = 0; i < ids.ids.size(); ++i) {
    const float own = probabilities[ids.ids[i] * ids.ids.size() + i];
    BOOST_REQUIRE_SMALL(static_cast<double>(own) - sure.ids[i] / 65535.0, 1 / 65535.0);
  }
  const compiler::JsonValue metrics = shell.json("sure/metrics.json");
  BOOST_REQUIRE(metrics.find("calibration") != nullptr);
  BOOST_TEST(metrics.find("calibration")->find("bins")->items.size() == 15u);

  shell.succeed(eval + "--threshold 0.2 --unsure 9 -o unsure");
  const datasets::LabelImage some = take(datasets::read_label(shell.path("unsure/gray/" + name)));
  for (std::size_t i = 0; i < ids.ids.size(); ++i)
    BOOST_REQUIRE(some.ids[i] == (sure.ids[i] < 0.2 * 65535 ? 9 : ids.ids[i]));
  shell.fail(eval + "--unsure 9", 2, {"--threshold"});
  shell.fail(eval + "--threshold 0.2 --unsure 256", 1, {"--unsure", "255"});

  shell.succeed(eval + "--fit-temperature --no-pictures -o fitted");
  BOOST_TEST(shell.text("out.txt").find("temperature ") != std::string::npos, shell.text("out.txt"));
  shell.succeed(eval + "--confidence -o calibrated");
  BOOST_TEST((shell.text("sure/gray/" + name) == shell.text("calibrated/gray/" + name)));
  BOOST_TEST((shell.text("sure/confidence/" + name) != shell.text("calibrated/confidence/" + name)));
  const compiler::JsonValue calibrated = shell.json("calibrated/metrics.json");
  BOOST_TEST(calibrated.find("mIoU")->real == metrics.find("mIoU")->real);
  BOOST_TEST(calibrated.find("calibration")->find("ece")->real <
             metrics.find("calibration")->find("ece")->real);
  // A bundle of the run keeps it.
  const std::string predict = " sure/overlay/" + name + " --confidence -q -o ";
  shell.succeed("grun predict run" + predict + "of_run");
  shell.succeed("grun pack run -o run.grun -q");
  shell.succeed("grun predict run.grun" + predict + "of_bundle");
  BOOST_TEST((shell.text("of_run/confidence/" + name) == shell.text("of_bundle/confidence/" + name)));
  shell.fail("grun eval run.grun --dataset shapes --fit-temperature", 2, {"a run's folder"});
}

BOOST_AUTO_TEST_CASE(two_evaluations_are_compared) {
  Run shell;
  const std::string eval = kPart + "--run exp/latest -q --no-pictures ";
  shell.succeed(eval + "--boundary");
  shell.succeed(eval + "--no-flip --compare exp/latest -o other");
  const compiler::JsonValue comparison = shell.json("other/comparison.json");
  const auto number = [](const compiler::JsonValue& json, const char* key) { return json.find(key)->real; };
  BOOST_TEST(std::abs(number(comparison, "mIoU") - number(comparison, "other_mIoU") -
                      number(comparison, "difference")) < 1e-12);
  BOOST_TEST(comparison.find("per_class")->items.size() == 7u);
  const std::string first = "exp/latest/result/interrupted/val/ss_3_2/metrics.json";
  BOOST_TEST(shell.json(first).find("per_class")->items[0].find("boundary_iou") != nullptr);
  shell.succeed(eval + "--compare " + first + " -o same");
  BOOST_TEST(shell.text("same/comparison.json").find("\"difference\": 0.0") != std::string::npos);
  shell.fail(eval + "--compare nowhere.json", 1, {"nowhere.json"});
  shell.fail(eval + "--set index_start=9 --compare " + first + " -o none", 1, {"it has no image"});
}

BOOST_AUTO_TEST_CASE(what_an_evaluation_refuses) {
  Run shell;
  shell.fail(kPart + "--memory-limit 100KB -o none", 1, {"images of up to ", "of memory", "base_size"});
  shell.fail("grun eval --set index_start=100000", 1, {"index_start is 100000"});
  shell.fail("grun eval --protocol hole", 2, {"slide", "whole"});
  shell.fail("grun eval --memory-limit 0", 2, {"--memory-limit"});
  shell.fail("grun eval exp/latest/model.fb --weights best --dataset shapes", 2,
             {"--weights best", "the run's folder"});
}

BOOST_AUTO_TEST_CASE(bf16_is_refused, *needs("no_bf16")) {
  if (take(ops::make_cpu_backend())->check_precision(DType::bf16).ok()) return skip("this CPU has bf16");
  Run shell;
  shell.fail(kRun + "--output y.npy --precision bf16", 1, {"--precision bf16", "no instructions for bf16"});
}

BOOST_AUTO_TEST_CASE(bf16, *needs("bf16")) {
  const Status has_bf16 = take(ops::make_cpu_backend())->check_precision(DType::bf16);
  if (!has_bf16.ok()) return skip(has_bf16.message());
  Run shell;
  shell.succeed(kRun + "--output exact.npy");
  shell.succeed(kRun + "--output y.npy --precision bf16");
  weights::NpyArray exact = take(weights::read_npy(shell.path("exact.npy").string()));
  weights::NpyArray logits = take(weights::read_npy(shell.path("y.npy").string()));
  const double distance = relative_distance(floats(logits), floats(exact));
  BOOST_TEST(distance > 1e-5);
  BOOST_TEST(distance < 0.1);

  shell.succeed(kPart + "--no-pictures");
  shell.succeed(kPart + "--no-pictures --precision bf16");
  for (const std::string precision : {"f32", "bf16"}) {
    const std::string folder = precision == "f32" ? "ss_3_2" : "ss_bf16_3_2";
    const compiler::JsonValue metrics =
        shell.json("exp/latest/result/interrupted/val/" + folder + "/metrics.json");
    BOOST_TEST(metrics.find("protocol")->find("precision")->text == precision);
  }
}
