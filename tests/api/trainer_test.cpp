#include "graphrun/trainer.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <vector>

#include "tests/api/own_data.h"
#include "tests/datasets/scratch.h"

// Training as a program does it that knows the public headers alone.
using namespace graphrun;
using namespace graphrun::test;

namespace {

class Record final : public TrainObserver {
 public:
  explicit Record(std::int64_t stop_after = 0) : stop_after_(stop_after) {}
  void note(const std::string& text) override { notes.push_back(text); }
  void step(const TrainStep& step) override { steps.push_back(step); }
  void epoch(const TrainEpoch& epoch) override { epochs.push_back(epoch); }
  void saved(const std::string& checkpoint) override { files.push_back(checkpoint); }
  // Asks after so many steps.
  StopToken stop() const {
    return StopToken([this] {
      return stop_after_ > 0 && std::ssize(steps) >= stop_after_ ? Stop::interrupted : Stop::none;
    });
  }

  std::vector<std::string> notes;
  std::vector<TrainStep> steps;
  std::vector<TrainEpoch> epochs;
  std::vector<std::string> files;

 private:
  std::int64_t stop_after_;
};

TrainerOptions small_run(const Scratch& folder, const std::string& run) {
  TrainerOptions options;
  options.model = tiny_model(folder / "tiny.fb");
  options.dataset = "shapes";
  options.folder = (folder / run).string();
  options.seed = 5;
  options.threads = 1;
  options.max_iters = 4;
  options.settings = {{"train_h", "33"}, {"train_w", "33"}, {"batch_size", "4"}, {"workers", "1"}};
  return options;
}

std::string content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  BOOST_TEST_REQUIRE(stream.good(), path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void check_error(const Status& status, ErrorCode code, const std::string& text) {
  BOOST_TEST_REQUIRE(!status.ok());
  BOOST_TEST((status.code() == code), status.message());
  BOOST_TEST(status.message().find(text) != std::string::npos, status.message());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_run_tells_its_course_and_leaves_its_folder) {
  const Scratch folder;
  TrainerOptions options = small_run(folder, "run");
  options.max_iters = 2;
  Record record;
  Trainer trainer = require(Trainer::prepare(options, &record));
  BOOST_TEST(trainer.folder() == options.folder);
  BOOST_TEST(trainer.samples() == 400);
  BOOST_TEST(trainer.iterations_done() == 0);
  BOOST_TEST_REQUIRE(record.notes.size() == 1u);
  BOOST_TEST(record.notes[0].find("batch norm sees 4 images") != std::string::npos, record.notes[0]);
  const TrainResult result = require(trainer.run(&record));
  BOOST_TEST(result.iterations == 2);
  BOOST_TEST((result.stop == Stop::none));
  BOOST_TEST(trainer.iterations_done() == 2);
  BOOST_TEST_REQUIRE(record.steps.size() == 2u);
  BOOST_TEST(record.steps[1].iteration == 2);
  BOOST_TEST(record.steps[1].iterations == 6000);
  BOOST_TEST(record.steps[0].loss > 0);
  BOOST_TEST(record.steps[0].learning_rate == 0.05);
  BOOST_TEST((record.files == std::vector<std::string>{result.checkpoint}));
  for (const char* file : {"model.fb", "config.json", "run.json", "metrics.jsonl"})
    BOOST_TEST(std::filesystem::exists(folder / "run" / file), file);
  BOOST_TEST(!std::filesystem::exists("exp"), "a link was made that nobody asked for");
}

BOOST_AUTO_TEST_CASE(a_stopped_run_goes_on_with_the_same_bits) {
  const Scratch folder;
  Record whole;
  const TrainResult expected = require(require(Trainer::prepare(small_run(folder, "whole"))).run(&whole));
  const std::string bytes = content(expected.checkpoint);
  const auto check = [&](const TrainResult& result, const std::vector<TrainStep>& steps) {
    BOOST_TEST(result.iterations == 4);
    BOOST_TEST((content(result.checkpoint) == bytes), "the checkpoint differs");
    for (const TrainStep& step : steps)
      BOOST_TEST(step.loss == whole.steps[static_cast<std::size_t>(step.iteration - 1)].loss);
  };
  Record first(2);
  TrainerOptions options = small_run(folder, "stopped");
  {
    Trainer trainer = require(Trainer::prepare(options));
    const TrainResult stopped = require(trainer.run(&first, first.stop()));
    BOOST_TEST((stopped.stop == Stop::interrupted));
    BOOST_TEST(stopped.iterations == 3);  // asked after the second, noticed after the third
  }
  BOOST_TEST_CONTEXT("from its folder") {
    options.resume = options.folder;
    options.folder.clear();
    options.seed.reset();
    Record second;
    Trainer trainer = require(Trainer::prepare(options));
    BOOST_TEST(trainer.iterations_done() == 3);
    const TrainResult result = require(trainer.run(&second));
    BOOST_TEST(second.steps.size() == 1u);
    check(result, second.steps);
  }
  BOOST_TEST_CONTEXT("from memory") {
    Record again(2);
    Trainer trainer = require(Trainer::prepare(small_run(folder, "memory")));
    BOOST_TEST(require(trainer.run(nullptr, StopToken([n = 0]() mutable {
                                     return ++n > 3 ? Stop::terminated : Stop::none;
                                   })))
                   .iterations < 4);
    check(require(trainer.run(&again)), again.steps);
  }
}

BOOST_AUTO_TEST_CASE(own_data_is_trained_on_and_validated) {
  const Scratch folder;
  TrainerOptions options = small_run(folder, "run");
  options.dataset.clear();
  options.data = squares();
  options.max_iters.reset();
  options.settings["epochs"] = "1";
  options.settings["evaluate"] = "true";
  options.settings["batch_size_val"] = "2";
  Record record;
  const TrainResult result = require(require(Trainer::prepare(options)).run(&record));
  BOOST_TEST(result.iterations == 1);
  BOOST_TEST(result.epochs == 1);
  BOOST_TEST(result.best_epoch == 1);
  BOOST_TEST_REQUIRE(record.epochs.size() == 1u);
  BOOST_TEST(record.epochs[0].validation.has_value());
  const std::string model = content((folder / "run/model.fb").string());
  BOOST_TEST(model.find("square") != std::string::npos, "the model lacks the names of the classes");
}

// Two channels of numbers, as a depth camera has them.
BOOST_AUTO_TEST_CASE(own_data_has_the_channels_that_the_network_takes) {
  class Depths final : public Squares {
   public:
    Depths(std::int64_t count, float last) : Squares(count), last_(last) {}
    Result<Image> image(std::int64_t index) const override {
      const Image colors = require(Squares::image(index));
      Image depths{colors.height, colors.width, {}, 2, {}};
      for (std::size_t i = 0; i < colors.rgb.size(); i += 3)
        depths.values.insert(depths.values.end(), {colors.rgb[i] * 100.0f, last_});
      return depths;
    }

   private:
    float last_;
  };
  const Scratch folder;
  std::ofstream(folder / "net.json") << R"({
    "parameters": {"classes": {"default": 2, "min": 1}, "ignore_label": {"default": 255}},
    "inputs": {"image": {"shape": ["N", 2, "H", "W"]}, "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
    "preprocess": {"value_scale": 20000, "mean": [0.5, 0.5], "std": [0.5, 0.5], "stored": "f32"},
    "graph": [
      {"op": "conv2d", "as": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
      {"op": "batch_norm", "as": "bn", "activation": "relu"},
      {"op": "conv2d", "as": "score", "out_channels": "classes", "kernel": 1, "bias": true, "out": "logits"}
    ],
    "outputs": {"logits": "logits"},
    "losses": {"main": {"op": "cross_entropy", "logits": "logits", "label": "label", "ignore_label": "ignore_label"}},
    "train": {"optimizer": {"op": "sgd"}, "settings": {"test_h": 41, "test_w": 41, "base_size": 0}}
  })";
  const Compilation compiled = require(compile((folder / "net.json").string()));
  BOOST_TEST_REQUIRE(compiled.model.has_value());
  require(compiled.model->write((folder / "net.fb").string()));
  const auto train = [&](const std::string& run, float last) -> Status {
    TrainerOptions options = small_run(folder, run);
    options.model = (folder / "net.fb").string();
    options.dataset.clear();
    options.data = require(Dataset::make("depths", {{"ground", {0, 0, 0}}, {"square", {200, 100, 10}}},
                                         {{"train", std::make_shared<Depths>(6, last)}}, {2, DType::f32}));
    GRAPHRUN_ASSIGN(Trainer trainer, Trainer::prepare(options));
    return status_of(trainer.run());
  };
  require(train("sound", 7));
  check_error(train("broken", std::numeric_limits<float>::infinity()), ErrorCode::invalid_argument,
              "not finite");
}

BOOST_AUTO_TEST_CASE(options_that_do_not_fit_are_told_and_write_nothing) {
  const Scratch folder;
  const auto refused = [&](const auto& change, ErrorCode code, const std::string& text) {
    TrainerOptions options = small_run(folder, "refused");
    change(options);
    check_error(Trainer::prepare(options).status(), code, text);
    BOOST_TEST(!std::filesystem::exists(folder / "refused"), text);
  };
  const ErrorCode argument = ErrorCode::invalid_argument;
  refused([](TrainerOptions& o) { o.model = "none.fb"; }, ErrorCode::not_found, "none.fb");
  refused([](TrainerOptions& o) { o.dataset = ""; }, argument, "there is no data");
  refused([](TrainerOptions& o) { o.data = squares(); }, argument, "exclude each other");
  refused([](TrainerOptions& o) { o.weights = o.init_backbone = "a.pth"; }, argument, "exclude each other");
  refused([](TrainerOptions& o) { o.resume = "elsewhere"; }, argument, "--resume");
  refused([](TrainerOptions& o) { o.settings["base_rl"] = "1"; }, argument, "base_lr");
  refused([](TrainerOptions& o) { o.settings["epochs"] = "many"; }, argument, "an integer");
  refused([](TrainerOptions& o) { o.parameters["width"] = 4; }, argument, "width");
  refused([](TrainerOptions& o) { o.precision = "f8"; }, argument, "expected f32, bf16 or int8");
  refused([](TrainerOptions& o) { o.device = "abacus"; }, argument, "abacus");
  refused([](TrainerOptions& o) { o.weights = "none.pth"; }, ErrorCode::not_found, "none.pth");
  refused(
      [](TrainerOptions& o) {
        o.dataset.clear();
        o.data = squares();
        o.settings["class_weights"] = "suggested";
      },
      ErrorCode::unsupported, "class_weights");
}
