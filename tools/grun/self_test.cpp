#include "tools/grun/self_test.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graphrun/compile.h"
#include "graphrun/dataset.h"
#include "graphrun/evaluate.h"
#include "graphrun/labeler.h"
#include "graphrun/trainer.h"
#include "runtime/core/data_folders.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kData = "shapes";  // is generated: needs no files
constexpr std::int64_t kImages = 10;     // labelled by each device and precision
// After three epochs spnet_tiny has 0.5; a network that learns nothing has 0.1.
constexpr double kLeastMeanIou = 0.3;

struct Scratch {
  fs::path path;
  ~Scratch() {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
  }
};

Status make_folder(Scratch& scratch) {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  if (error) return {ErrorCode::io, "no folder for temporary files ($TMPDIR): " + error.message()};
  std::string name = (base / "graphrun-doctor-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    return {ErrorCode::io, base.string() + ": no folder can be made for what the check writes"};
  scratch.path = name;
  return {};
}

// The losses of a run's steps.
struct Losses final : TrainObserver {
  std::vector<double> all;
  void step(const TrainStep& step) override { all.push_back(step.loss); }
};

class SelfTest {
 public:
  explicit SelfTest(fs::path folder) : folder_(std::move(folder)) {}

  Status run() {
    // Each needs what those before it have left.
    const bool ready = step("graphc", [&] { return compile_graph(); }) &&
                       step("training", [&] { return train(); }) &&
                       step("evaluation", [&] { return score(); }) && step("bundle", [&] { return pack(); });
    if (ready) {
      step("1 thread", [&] { return compare({.threads = 1}, 0.999); });
      step("bf16", [&] { return compare_precision("cpu"); });
      step("GPU", [&] { return compare({.device = "cuda"}, 0.99); });
      step("GPU, bf16", [&] { return compare_precision("cuda"); });
    }
    if (wrong_.empty()) {
      print("everything works\n");
      return {};
    }
    return {ErrorCode::internal, "what does not work here: " + wrong_};
  }

 private:
  struct On {
    std::string device = "cpu";
    int threads = 0;
    DType precision = DType::f32;
  };

  // Prints what came out of `work`; whether it was as it should be. What this machine or this build has not
  // is no fault.
  bool step(std::string_view name, const std::function<Result<std::string>()>& work) {
    const Result<std::string> result = work();
    const bool is_absent = !result.ok() && (result.status().code() == ErrorCode::unsupported ||
                                            result.status().code() == ErrorCode::not_found);
    if (result.ok()) {
      print("{:<11}{}\n", name, *result);
    } else if (is_absent && !labels_.empty()) {
      print("{:<11}not here: {}\n", name, result.status().message());
    } else {
      print("{:<11}WRONG: {}\n", name, result.status().message());
      wrong_ += (wrong_.empty() ? "" : ", ") + std::string(name);
      return false;
    }
    return true;
  }

  std::string at(const char* name) const { return (folder_ / name).string(); }

  Result<std::string> compile_graph() {
    for (const fs::path& graphs : core::data_folders("graphs")) {
      const fs::path graph = graphs / "spnet_tiny.json";
      if (!fs::exists(graph)) continue;
      GRAPHRUN_ASSIGN(const Compilation compiled, compile(graph.string(), {.parameters = {{"classes", 7}}}));
      if (!compiled.model) return Status(ErrorCode::internal, graph.string() + " does not compile");
      GRAPHRUN_TRY(compiled.model->write(at("tiny.fb")));
      return graph.string() + " compiles";
    }
    return Status(ErrorCode::internal, "there is no graphs/spnet_tiny.json: $GRAPHRUN_HOME names the folder");
  }

  Result<std::string> train() {
    TrainerOptions options;
    options.model = at("tiny.fb");
    options.dataset = kData;
    options.folder = at("run");
    options.seed = 1;
    options.join_ranks = false;
    options.settings = {{"epochs", "3"}, {"augment", "false"}};
    Losses losses;
    GRAPHRUN_ASSIGN(Trainer trainer, Trainer::prepare(options));
    GRAPHRUN_ASSIGN(const TrainResult result, trainer.run(&losses));
    weights_ = result.checkpoint;
    if (losses.all.empty()) return Status(ErrorCode::internal, "no step was done");
    const double first = losses.all.front();
    const double last = losses.all.back();
    std::string text = fmt::format("{} steps, loss {:.2f} to {:.2f}", result.iterations, first, last);
    if (!(last <= 0.6 * first)) return Status(ErrorCode::internal, text);
    return text;
  }

  Result<std::string> score() {
    EvaluateOptions options;
    options.run = at("run");
    options.folder = at("scores");
    options.join_ranks = false;
    options.pictures = false;
    GRAPHRUN_ASSIGN(const Evaluation scores, evaluate(options));
    std::string text = fmt::format("mIoU {:.2f} of {} images", scores.mean_iou, scores.images);
    if (!(scores.mean_iou >= kLeastMeanIou)) return Status(ErrorCode::internal, text);
    return text;
  }

  // Labels of the bundle on all of the CPU's threads in f32, which the others are compared with.
  Result<std::string> pack() {
    const std::string bundle = at("tiny.grun");
    LabelerOptions options{.model = at("tiny.fb"), .weights = weights_, .device = "cpu"};
    GRAPHRUN_ASSIGN(const Labeler labeler, Labeler::open(options));
    GRAPHRUN_TRY(labeler.pack(bundle));
    GRAPHRUN_ASSIGN(labels_, label({}));
    return fmt::format("{} images labelled with one file of {}", labels_.size(),
                       size_text(static_cast<std::int64_t>(fs::file_size(bundle))));
  }

  Result<std::vector<LabelMap>> label(const On& on) {
    LabelerOptions options{.model = at("tiny.grun"), .device = on.device, .threads = on.threads};
    options.precision = on.precision;
    GRAPHRUN_ASSIGN(Labeler labeler, Labeler::open(options));
    GRAPHRUN_ASSIGN(const Dataset data, Dataset::open(kData));
    GRAPHRUN_ASSIGN(const std::shared_ptr<const Samples> samples, data.split("val"));
    std::vector<LabelMap> maps;
    for (std::int64_t i = 0; i < std::min(kImages, samples->size()); ++i) {
      GRAPHRUN_ASSIGN(const Image image, samples->image(i));
      GRAPHRUN_ASSIGN(LabelMap map, labeler.label({image.rgb.data(), image.height, image.width}));
      maps.push_back(std::move(map));
    }
    return maps;
  }

  Result<std::string> compare(const On& on, double least) {
    GRAPHRUN_ASSIGN(const std::vector<LabelMap> maps, label(on));
    std::int64_t pixels = 0;
    std::int64_t same = 0;
    for (std::size_t i = 0; i < maps.size(); ++i) {
      for (std::size_t at = 0; at < maps[i].ids.size(); ++at, ++pixels)
        same += maps[i].ids[at] == labels_[i].ids[at] ? 1 : 0;
    }
    const double share = static_cast<double>(same) / static_cast<double>(pixels);
    std::string text = fmt::format("{:.2f} % of the pixels as before", 100 * share);
    if (!(share >= least)) return Status(ErrorCode::internal, text);
    return text;
  }

  Result<std::string> compare_precision(const char* device) {
    GRAPHRUN_ASSIGN(const Device opened, Device::open(device));
    GRAPHRUN_TRY(opened.check_precision(DType::bf16));
    return compare({.device = device, .precision = DType::bf16}, 0.95);
  }

  fs::path folder_;
  std::string weights_;
  std::vector<LabelMap> labels_;
  std::string wrong_;  // steps, with commas
};

}  // namespace

Status self_test() {
  Scratch scratch;
  GRAPHRUN_TRY(make_folder(scratch));
  return SelfTest(scratch.path).run();
}

}  // namespace graphrun::tools
