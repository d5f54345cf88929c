#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <future>

#include "runtime/plugin/op_libraries.h"
#include "runtime/profiling/layer_costs.h"
#include "runtime/profiling/step_times.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tools/bench/stream_bench.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/ranks.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress.h"
#include "training/jobs/model_choice.h"
#include "training/parallel.h"

namespace graphrun::tools {
namespace {

struct BenchOptions {
  CommonOptions common;
  std::vector<std::string> sets;
  std::string model;
  std::string mode = "infer";
  std::string exchange = "overlap";
  std::vector<std::int64_t> shape{1, 3, 480, 480};
  int iterations = 10;
  int sessions = 1;
  std::int64_t memory_budget = 0;
  bool json = false;
  bool parts = false;
  std::string trace;
  std::string weights;
  StreamLoad load{.streams = 0};  // 0: the network alone is timed

  bool trains() const { return mode == "train"; }
  // By node, not only as a whole.
  bool observed() const { return common.verbose || !trace.empty(); }
};

struct Timing {
  std::vector<double> seconds;    // sorted
  std::int64_t device_bytes = 0;  // in use by then (Backend::memory_in_use)
  double bind_seconds = 0;        // until a session was made: kernels chosen, weights prepared
  // Memory that a training step plans.
  std::int64_t planned_bytes = 0;
  session::Rematerialisations rematerialisations{};
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Calls `once` and waits for the device; times all but the first calls, in which libraries do what they do
// once, and in which a device's work is recorded.
template <class Once>
Result<Timing> measure(const BenchOptions& options, model::Backend& backend, profiling::StepTimes* times,
                       const Once& once) {
  using Clock = std::chrono::steady_clock;
  const int warm = backend.is_host() ? 1 : 3;
  std::vector<double> seconds;
  for (int i = -warm; i < options.iterations; ++i) {
    if (times != nullptr) times->begin(i == 0);
    const auto start = Clock::now();
    GRAPHRUN_TRY(once());
    GRAPHRUN_TRY(backend.synchronize());
    if (i >= 0) seconds.push_back(seconds_since(start));
    if (times != nullptr) GRAPHRUN_TRY(times->end());
  }
  std::ranges::sort(seconds);
  return Timing{.seconds = std::move(seconds), .device_bytes = backend.memory_in_use()};
}

Status fill_noise(model::Backend& backend, const TensorView& image) {
  std::vector<float> values(static_cast<std::size_t>(image.desc.shape.count()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i * 7919 % 2048) / 512.0f - 2.0f;
  return backend.copy_to_device(image.data, values.data(), image.desc.bytes());
}

Status fill_labels(model::Backend& backend, const TensorView& label, std::int64_t classes) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(label.desc.shape.count()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(i) / 97 % classes);
  return backend.copy_to_device(label.data, values.data(), label.desc.bytes());
}

Result<Timing> bench_inference(const BenchOptions& options,
                               const std::shared_ptr<const model::Program>& program,
                               const std::shared_ptr<weights::Weights>& weights,
                               profiling::StepTimes* observer) {
  model::Backend& backend = *weights->backend();
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<session::Session>> sessions;
  for (int i = 0; i < options.sessions; ++i) {
    GRAPHRUN_ASSIGN(sessions.emplace_back(),
                    session::Session::create(program, weights,
                                             {.n = options.shape[0],
                                              .h = options.shape[2],
                                              .w = options.shape[3],
                                              .fuse = !options.parts,
                                              .precision = options.common.compute_type()}));
  }
  const double bind_seconds = seconds_since(start);
  for (const auto& session : sessions) GRAPHRUN_TRY(fill_noise(backend, session->input()));
  std::barrier all_at_once(options.sessions);
  const auto time_of = [&](session::Session& session) {
    all_at_once.arrive_and_wait();
    return measure(options, backend, observer, [&] { return session.run(observer); });
  };
  std::vector<std::future<Result<Timing>>> others;
  for (std::size_t i = 1; i < sessions.size(); ++i)
    others.push_back(std::async(std::launch::async, [&, i] { return time_of(*sessions[i]); }));
  auto first = time_of(*sessions[0]);
  std::vector<double> seconds;
  for (auto& other : others) {
    GRAPHRUN_ASSIGN(const Timing timing, other.get());
    seconds.insert(seconds.end(), timing.seconds.begin(), timing.seconds.end());
  }
  GRAPHRUN_ASSIGN(Timing timing, std::move(first));
  timing.seconds.insert(timing.seconds.end(), seconds.begin(), seconds.end());
  std::ranges::sort(timing.seconds);
  timing.bind_seconds = bind_seconds;
  return timing;
}

Result<Timing> bench_training(const BenchOptions& options, std::shared_ptr<const model::Program> program,
                              std::shared_ptr<weights::Weights> weights,
                              const session::DataParallel& parallel, profiling::StepTimes* observer) {
  const std::shared_ptr<model::Backend> backend = weights->backend();
  const auto start = std::chrono::steady_clock::now();
  GRAPHRUN_ASSIGN(const std::unique_ptr<session::TrainSession> session,
                  session::TrainSession::create(std::move(program), std::move(weights),
                                                {.n = options.shape[0],
                                                 .h = options.shape[2],
                                                 .w = options.shape[3],
                                                 .fuse = !options.parts,
                                                 .precision = options.common.compute_type(),
                                                 .memory_budget = options.memory_budget,
                                                 .parallel = parallel}));
  const double bind_seconds = seconds_since(start);
  GRAPHRUN_TRY(session->check_supervised());
  GRAPHRUN_TRY(fill_noise(*backend, session->image()));
  GRAPHRUN_TRY(
      fill_labels(*backend, session->label(), session->output_of(model::roles::kConfusion).desc.shape[0]));
  std::int64_t iteration = 0;
  const auto step = [&]() -> Status {
    GRAPHRUN_TRY(session->compute({0, iteration++, 0}, observer));
    return session->update(1e-3, observer);
  };
  GRAPHRUN_ASSIGN(Timing timing, measure(options, *backend, observer, step));
  timing.bind_seconds = bind_seconds;
  timing.planned_bytes = session->planned_bytes();
  timing.rematerialisations = session->rematerialisations();
  return timing;
}

// Times of the slowest rank.
struct Slowest {
  double median = 0;
  double fastest = 0;
  double longest = 0;
  double peak_mb = 0;
};

Result<Slowest> slowest_of(const Timing& timing, collective::Communicator& comm) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::array<double, 4> worst{timing.seconds[timing.seconds.size() / 2], timing.seconds.front(),
                              timing.seconds.back(), static_cast<double>(usage.ru_maxrss) / 1024.0};
  GRAPHRUN_TRY(collective::all_reduce<double>(comm, worst, collective::ReduceOp::max));
  return Slowest{worst[0], worst[1], worst[2], worst[3]};
}

// What was run, by how many ranks, and how long it took.
struct Report {
  const BenchOptions& options;
  const std::string& model;
  const model::Backend& backend;
  int comm = 1;
  const Timing& timing;
  Slowest slowest;

  double images_per_s() const {
    return static_cast<double>(options.shape[0] * comm * options.sessions) / slowest.median;
  }
  double device_mb() const { return static_cast<double>(timing.device_bytes) / 1e6; }
  std::string json(const profiling::StepTimes& times) const {
    return fmt::format(
        "{{\"median_s\": {:.6f}, \"min_s\": {:.6f}, \"max_s\": {:.6f}, \"images_per_s\": {:.4f}, "
        "\"peak_rss_mb\": {:.1f}, "
        "\"device_mb\": {:.1f}, \"bind_s\": {:.4f}, \"model\": \"{}\", "
        "\"mode\": \"{}\", \"shape\": [{}, {}, {}, {}], \"iters\": {}, \"ranks\": {}, \"sessions\": {}, "
        "\"threads\": {}, "
        "\"device\": \"{}\", "
        "\"precision\": \"{}\"{}{}}}\n",
        slowest.median, slowest.fastest, slowest.longest, images_per_s(), slowest.peak_mb, device_mb(),
        timing.bind_seconds, model, options.mode, options.shape[0], options.shape[1], options.shape[2],
        options.shape[3], options.iterations, comm, options.sessions, backend.threads(), backend.device(),
        options.common.precision,
        !options.trains()
            ? ""
            : fmt::format(", \"planned_mb\": {:.1f}, \"recomputations\": {}, \"recomputations_undone\": {}",
                          static_cast<double>(timing.planned_bytes) / 1e6, timing.rematerialisations.all,
                          timing.rematerialisations.undone),
        !options.common.verbose ? "" : ", \"nodes\": " + times.json(options.iterations));
  }
  std::string text() const {
    const std::string place =
        backend.is_host() ? fmt::format("{} threads", backend.threads()) : std::string(backend.device());
    return fmt::format("{} {} {} on {}{}: median {:.5f} s, min {:.5f} s, {:.3f} images/s, peak {:.0f} MB{}\n",
                       model, options.mode, to_string(Shape(options.shape)),
                       comm > 1 ? fmt::format("{} ranks of ", comm) : "", place, slowest.median,
                       slowest.fastest, images_per_s(), slowest.peak_mb,
                       backend.is_host() ? "" : fmt::format(", {:.0f} MB of the device in use", device_mb()));
  }
};

void show(const Report& report, const profiling::StepTimes& times) {
  const BenchOptions& options = report.options;
  print("{}", options.json ? report.json(times) : report.text());
  if (options.json) return;
  if (options.memory_budget > 0)
    print("{}\n", planned_memory_text(report.timing.planned_bytes, report.timing.rematerialisations));
  if (options.common.verbose) write_result(times.text(options.iterations));
}

Status check(const BenchOptions& options) {
  if (options.memory_budget > 0 && !options.trains())
    return {ErrorCode::usage, "--memory-budget is of --mode train"};
  if (!options.weights.empty() && options.trains())
    return {ErrorCode::usage, "--weights is of --mode infer and --streams"};
  if (options.sessions > 1 && (options.trains() || options.observed()))
    return {ErrorCode::usage, "--sessions is of --mode infer, without -v and --profile"};
  return {};
}

// The whole way from images to label maps, as cameras ask for it.
Status bench_streams(const BenchOptions& options) {
  if (options.shape.size() != 4) return {ErrorCode::usage, "--shape: expected N,C,H,W"};
  GRAPHRUN_ASSIGN(const training::ModelChoice choice, training::choose_model(options.model, options.weights));
  LabelerOptions opening{.model = choice.model, .weights = choice.weights};
  opening.device = options.common.device;
  opening.threads = options.common.threads;
  opening.precision = options.common.compute_type();
  GRAPHRUN_ASSIGN(opening.cache, options.common.cache_folder());
  GRAPHRUN_ASSIGN(opening.ops, plugin::open_op_libraries(options.common.op_libraries));
  GRAPHRUN_ASSIGN(Labeler labeler, Labeler::open(opening));
  GRAPHRUN_ASSIGN(LabelQueue queue, LabelQueue::open(std::move(labeler), {.streams = options.load.streams}));
  StreamLoad load = options.load;
  load.height = options.shape[2];
  load.width = options.shape[3];
  GRAPHRUN_ASSIGN(const StreamTimes times, measure_streams(queue, load));
  print("{}", describe(times, options.json));
  return {};
}

// Speed does not depend on what weights say, but on whether they are quantised.
Result<std::shared_ptr<weights::Weights>> weights_of(const BenchOptions& options,
                                                     const model::Program& program,
                                                     const std::shared_ptr<model::Backend>& backend) {
  if (options.weights.empty()) return weights::Weights::initialise(program, 0, backend);
  GRAPHRUN_ASSIGN(std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(options.weights));
  return weights::Weights::map(program, std::move(file), backend);
}

Status bench(BenchOptions& options, Outcome& outcome) {
  if (options.load.streams > 0) return bench_streams(options);
  GRAPHRUN_TRY(check(options));
  GRAPHRUN_ASSIGN(const std::shared_ptr<const model::Program> program,
                  open_program(options.model, options.common));
  GRAPHRUN_TRY(profiling::check_image_shape(*program, options.shape));
  training::SettingTable settings;
  for (const std::string& set : options.sets) GRAPHRUN_TRY(settings.set_assignment(set, "--set"));
  if (settings.flag("shard_optimizer"))
    return {ErrorCode::usage, "--set shard_optimizer=true: here every rank updates all parameters"};
  GRAPHRUN_ASSIGN(outcome.comm, join_ranks(options.common, settings.real("rank_timeout")));
  collective::Communicator& comm = *outcome.comm;
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  GRAPHRUN_ASSIGN(const std::shared_ptr<weights::Weights> weights, weights_of(options, *program, backend));
  profiling::StepTimes times(backend->timeline());
  profiling::StepTimes* const observer = options.observed() ? &times : nullptr;
  const auto run = [&]() -> Result<Timing> {
    if (!options.trains()) return bench_inference(options, program, weights, observer);
    GRAPHRUN_ASSIGN(session::DataParallel parallel,
                    training::data_parallel(settings, outcome.comm, *backend));
    parallel.exchange.overlap = options.exchange == "overlap";
    if (options.exchange == "none") parallel = {};
    return bench_training(options, program, weights, parallel, observer);
  };
  GRAPHRUN_ASSIGN(const Timing timing, run());
  GRAPHRUN_ASSIGN(const Slowest slowest, slowest_of(timing, comm));
  if (comm.rank() > 0) return {};
  show({options, program->model().name, *backend, comm.size(), timing, slowest}, times);
  if (options.trace.empty()) return {};
  profiling::Trace trace;
  times.add_to(trace);
  return trace.write(options.trace);
}

}  // namespace

void add_bench(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("bench", "time inference (full logits) or a training step; -v: by kernel and node");
  const auto options = std::make_shared<BenchOptions>();
  options->common.add_to(*command);
  add_model(*command, options->model);
  command->add_option("--mode", options->mode, "infer or train")
      ->check(CLI::IsMember({"infer", "train"}))
      ->capture_default_str();
  command->add_option("--shape", options->shape, "N,C,H,W of the image, of each rank")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--iters", options->iterations, "timed runs, after one that is not")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  add_memory_budget(*command, options->memory_budget);
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
  command->add_option("--profile", options->trace,
                      "FILE.json: the last run's steps, for Chrome's or Perfetto's trace viewer");
  command
      ->add_option(
          "--sessions", options->sessions,
          "of inference, at once, each by a thread of its own with --threads threads; images a second "
          "are of all together")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  CLI::Option* streams =
      command
          ->add_option(
              "--streams", options->load.streams,
              "cameras whose images are labelled (--shape: their H and W), by a run, a bundle, or with "
              "--weights: latencies and what is dropped")
          ->check(CLI::Range(1, 1024));
  command
      ->add_option("--rate", options->load.rate,
                   "images a second of each; twice what is possible if not given")
      ->check(CLI::Range(0.001, 1e6))
      ->needs(streams);
  command->add_option("--seconds", options->load.seconds, "how long")->needs(streams)->capture_default_str();
  command->add_option("--weights", options->weights, "of --streams, or quantised ones for int8; else random");
  command->add_flag("--json", options->json, "one JSON object");
  command->add_flag("--parts", options->parts, "run fused nodes as their parts, for comparisons");
  set_ranked_callback(*command, outcome, [options, &outcome] { return bench(*options, outcome); });
}

}  // namespace graphrun::tools
