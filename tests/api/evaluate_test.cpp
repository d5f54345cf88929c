#include "graphrun/evaluate.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "graphrun/trainer.h"
#include "tests/api/own_data.h"
#include "tests/datasets/scratch.h"

// Evaluation as a program does it that knows the public headers alone.
using namespace graphrun;
using namespace graphrun::test;

namespace {

// A run of one iteration on own data.
std::string trained_run(const Scratch& folder) {
  TrainerOptions options{.model = tiny_model(folder / "tiny.fb"), .data = squares()};
  options.folder = (folder / "run").string();
  options.threads = 1;
  options.seed = 1;
  options.settings = {{"train_h", "33"},  {"train_w", "33"}, {"batch_size", "4"},
                      {"base_size", "0"}, {"epochs", "1"},   {"workers", "1"}};
  require(require(Trainer::prepare(options)).run());
  return options.folder;
}

class Count final : public EvaluateObserver {
 public:
  void image(std::int64_t done, std::int64_t images, double) override {
    last = done;
    all = images;
  }
  std::int64_t last = 0;
  std::int64_t all = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_run_is_scored_on_own_data) {
  const Scratch folder;
  EvaluateOptions options{.run = trained_run(folder), .data = squares()};
  options.threads = 1;
  Count count;
  const Evaluation scores = require(evaluate(options, &count));
  BOOST_TEST(scores.scored);
  BOOST_TEST(scores.images == 3);
  BOOST_TEST(count.last == 3);
  BOOST_TEST(count.all == 3);
  BOOST_TEST_REQUIRE(scores.classes.size() == 2u);
  BOOST_TEST(scores.classes[1].name == "square");
  BOOST_TEST(scores.mean_iou * 2 == scores.classes[0].iou + scores.classes[1].iou,
             boost::test_tools::tolerance(1e-12));
  const std::filesystem::path results = scores.folder;
  for (const char* file : {"metrics.json", "gray/square_0.png", "color/square_2.png", "overlay/square_1.png"})
    BOOST_TEST(std::filesystem::exists(results / file), file);

  options.folder = (folder / "again").string();
  options.pictures = false;
  BOOST_TEST(!scores.calibration_error.has_value());
  options.confidence = true;
  options.compare = scores.folder;
  const Evaluation again = require(evaluate(options));
  BOOST_TEST(again.accuracy == scores.accuracy);
  BOOST_TEST((again.calibration_error.has_value() && *again.calibration_error < 1));
  BOOST_TEST(std::filesystem::exists(folder / "again/comparison.json"));
  BOOST_TEST(!std::filesystem::exists(folder / "again/gray"));
}

BOOST_AUTO_TEST_CASE(an_evaluation_stops_when_asked) {
  const Scratch folder;
  EvaluateOptions options{.run = trained_run(folder), .data = squares()};
  options.threads = 1;
  Count count;
  const StopToken stop([&] { return count.last >= 1 ? Stop::interrupted : Stop::none; });
  const Result<Evaluation> stopped = evaluate(options, &count, stop);
  BOOST_TEST_REQUIRE(!stopped.ok());
  BOOST_TEST((stopped.status().code() == ErrorCode::interrupted), stopped.status().message());
  BOOST_TEST(count.last == 1);
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_does_not_fit_is_told) {
  const auto refused = [](const EvaluateOptions& options, const std::string& text) {
    const Result<Evaluation> result = evaluate(options);
    BOOST_TEST_REQUIRE(!result.ok());
    BOOST_TEST(result.status().message().find(text) != std::string::npos, result.status().message());
    BOOST_TEST((result.status().code() != ErrorCode::usage), result.status().message());
  };
  refused({.model = "a.fb", .run = "run"}, "exclude each other");
  refused({.model = "a.fb"}, "--dataset is missing");
  refused({.model = "a.fb", .dataset = "shapes"}, "a.fb");
  refused({.run = "no_run", .dataset = "shapes"}, "it has no checkpoint yet");
  refused({.model = "a.fb", .weights = "b", .dataset = "shapes", .protocol = "glance"}, "slide or whole");
}
