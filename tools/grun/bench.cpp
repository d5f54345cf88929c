#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tools/grun/commands.h"
#include "tools/support/common_options.h"
#include "tools/support/ranks.h"
#include "tools/train/parallel.h"

namespace graphrun {
namespace {

struct BenchOptions {
  CommonOptions common;
  std::vector<std::string> sets;
  std::string model;
  std::string mode = "infer";
  std::string exchange = "overlap";
  std::vector<std::int64_t> shape{1, 3, 480, 480};
  int iterations = 10;
  bool json = false;
  bool parts = false;
};

using Clock = std::chrono::steady_clock;

// Seconds by kernel and by node, summed over the timed runs.
class StepTimes final : public StepObserver {
 public:
  void before(const StepView&) override { start_ = Clock::now(); }
  void after(const StepView& step) override {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    Node& node = nodes_[std::string(step.path)];
    node.kernel = std::string(step.def.name) + " / " + std::string(step.kernel);
    node.seconds += seconds;
  }
  void clear() { nodes_.clear(); }
  void print(int runs) const {
    std::map<std::string, double> by_kernel, by_node;
    for (const auto& [path, node] : nodes_) {
      by_kernel[node.kernel] += node.seconds;
      by_node[path] = node.seconds;
    }
    print("kernels", by_kernel, runs, by_kernel.size());
    print("slowest nodes", by_node, runs, 40);
  }
  std::string json(int runs) const {
    std::string text;
    for (const auto& [path, node] : nodes_)
      text += fmt::format("{}{{\"path\": {:?}, \"kernel\": {:?}, \"s\": {:.7f}}}", text.empty() ? "" : ", ",
                          path, node.kernel, node.seconds / runs);
    return "[" + text + "]";
  }

 private:
  struct Node {
    std::string kernel;
    double seconds = 0;
  };
  static void print(const char* title, const std::map<std::string, double>& times, int runs,
                    std::size_t most) {
    std::vector<std::pair<double, std::string>> sorted;
    for (const auto& [name, seconds] : times) sorted.emplace_back(seconds / runs, name);
    std::ranges::sort(sorted, std::ranges::greater());
    sorted.resize(std::min(sorted.size(), most));
    fmt::print("{}\n", title);
    for (const auto& [seconds, name] : sorted) fmt::print("  {:9.3f} ms  {}\n", seconds * 1e3, name);
  }
  std::map<std::string, Node> nodes_;
  Clock::time_point start_;
};

// Calls `once` one more time than asked for and times all but the first.
template <class Once>
Result<std::vector<double>> measure(int iterations, StepTimes* times, const Once& once) {
  std::vector<double> seconds;
  for (int i = 0; i <= iterations; ++i) {
    if (times != nullptr && i == 1) times->clear();
    const auto start = Clock::now();
    GRAPHRUN_TRY(once());
    if (i > 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::ranges::sort(seconds);
  return seconds;
}

void fill_noise(const TensorView& image) {
  float* values = image.as<float>();
  for (std::int64_t i = 0; i < image.desc.shape.count(); ++i)
    values[i] = static_cast<float>(i * 7919 % 2048) / 512.0f - 2.0f;
}

Result<std::vector<double>> bench_inference(const BenchOptions& options,
                                            std::shared_ptr<const Program> program,
                                            std::shared_ptr<Weights> weights, StepTimes* observer) {
  GRAPHRUN_ASSIGN(const std::unique_ptr<Session> session,
                  Session::create(std::move(program), std::move(weights),
                                  {.n = options.shape[0],
                                   .h = options.shape[2],
                                   .w = options.shape[3],
                                   .fuse = !options.parts,
                                   .precision = options.common.compute_type()}));
  fill_noise(session->input());
  return measure(options.iterations, observer, [&] { return session->run(observer); });
}

Result<std::vector<double>> bench_training(const BenchOptions& options,
                                           std::shared_ptr<const Program> program,
                                           std::shared_ptr<Weights> weights, const DataParallel& parallel,
                                           StepTimes* observer) {
  GRAPHRUN_ASSIGN(const std::unique_ptr<TrainSession> session,
                  TrainSession::create(std::move(program), std::move(weights),
                                       {.n = options.shape[0],
                                        .h = options.shape[2],
                                        .w = options.shape[3],
                                        .fuse = !options.parts,
                                        .precision = options.common.compute_type(),
                                        .parallel = parallel}));
  GRAPHRUN_TRY(session->check_supervised());
  fill_noise(session->image());
  const TensorView label = session->label();
  const std::int64_t classes = session->output("confusion").desc.shape[0];
  for (std::int64_t i = 0; i < label.desc.shape.count(); ++i)
    label.as<std::int32_t>()[i] = static_cast<std::int32_t>(i / 97 % classes);
  std::int64_t iteration = 0;
  return measure(options.iterations, observer, [&]() -> Status {
    GRAPHRUN_TRY(session->compute({0, iteration++, 0}, observer));
    return session->update(1e-3, observer);
  });
}

Status bench(BenchOptions& options, Outcome& outcome) {
  if (options.shape.size() != 4 || options.shape[1] != 3)
    return {ErrorCode::usage, "--shape: expected N,3,H,W"};
  GRAPHRUN_ASSIGN(const std::shared_ptr<const Program> program, open_program(options.model, options.common));
  SettingTable settings;
  for (const std::string& set : options.sets) GRAPHRUN_TRY(settings.set_assignment(set, "--set"));
  if (settings.flag("shard_optimizer"))
    return {ErrorCode::usage, "--set shard_optimizer=true: here every rank updates all parameters"};
  GRAPHRUN_ASSIGN(outcome.ranks, join_ranks(options.common, settings.real("rank_timeout")));
  Communicator& ranks = *outcome.ranks;
  GRAPHRUN_ASSIGN(const std::shared_ptr<Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(const std::shared_ptr<Weights> weights, Weights::initialise(*program, 0, backend));
  StepTimes times;
  StepTimes* const observer = options.common.verbose ? &times : nullptr;
  const auto run = [&]() -> Result<std::vector<double>> {
    if (options.mode != "train") return bench_inference(options, program, weights, observer);
    GRAPHRUN_ASSIGN(DataParallel parallel, data_parallel(settings, outcome.ranks));
    parallel.exchange.overlap = options.exchange == "overlap";
    if (options.exchange == "none") parallel = {};
    return bench_training(options, program, weights, parallel, observer);
  };
  GRAPHRUN_ASSIGN(const std::vector<double> seconds, run());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  // Of the slowest rank.
  std::array<double, 3> worst{seconds[seconds.size() / 2], seconds.front(),
                              static_cast<double>(usage.ru_maxrss) / 1024.0};
  GRAPHRUN_TRY(all_reduce<double>(ranks, worst, Combine::max));
  if (ranks.rank() > 0) return {};
  const auto [median, fastest, peak] = worst;
  const double images = static_cast<double>(options.shape[0] * ranks.size()) / median;
  const std::string shape = to_string(Shape(options.shape));
  if (options.json) {
    fmt::print(
        "{{\"median_s\": {:.6f}, \"min_s\": {:.6f}, \"images_per_s\": {:.4f}, \"peak_rss_mb\": {:.1f}, "
        "\"model\": \"{}\", "
        "\"mode\": \"{}\", \"shape\": [{}, {}, {}, {}], \"iters\": {}, \"ranks\": {}, \"threads\": {}, "
        "\"device\": \"{}\", "
        "\"precision\": \"{}\"{}}}\n",
        median, fastest, images, peak, program->model().name, options.mode, options.shape[0],
        options.shape[1], options.shape[2], options.shape[3], options.iterations, ranks.size(),
        backend->threads(), backend->device(), options.common.precision,
        observer == nullptr ? "" : ", \"nodes\": " + observer->json(options.iterations));
  } else {
    fmt::print("{} {} {} on {}{} threads: median {:.4f} s, min {:.4f} s, {:.3f} images/s, peak {:.0f} MB\n",
               program->model().name, options.mode, shape,
               ranks.size() > 1 ? fmt::format("{} ranks of ", ranks.size()) : "", backend->threads(), median,
               fastest, images, peak);
  }
  if (observer != nullptr && !options.json) times.print(options.iterations);
  return {};
}

}  // namespace

void add_bench(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("bench", "time inference (full logits) or a training step; -v: by kernel and node");
  const auto options = std::make_shared<BenchOptions>();
  options->common.add_to(*command);
  command->add_option("model", options->model, "MODEL.fb")->required();
  command->add_option("--mode", options->mode, "infer or train")
      ->check(CLI::IsMember({"infer", "train"}))
      ->capture_default_str();
  command->add_option("--shape", options->shape, "N,3,H,W of the image, of each rank")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--iters", options->iterations, "timed runs, after one that is not")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--set", options->sets,
                   "key=value: a setting of how ranks train together, such as sync_bn=false")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--exchange", options->exchange,
          "of gradients between ranks: during the backward pass, after it, or not at all, for the time "
          "of the work alone")
      ->check(CLI::IsMember({"overlap", "after", "none"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object");
  command->add_flag("--parts", options->parts, "run fused nodes as their parts, for comparisons");
  set_ranked_callback(*command, outcome, [options, &outcome] { return bench(*options, outcome); });
}

}  // namespace graphrun
