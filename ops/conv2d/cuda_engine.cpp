#include "ops/conv2d/cuda_engine.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_candidates.h"
#include "runtime/cuda/check.h"

namespace graphrun::ops::conv2d::gpu {
namespace {

std::int64_t bytes_of(DType type, std::int64_t count) {
  return count * static_cast<std::int64_t>(size_of(type));
}

// Memory of the problem's size.
class Trial {
 public:
  Trial(cuda::Device& device, const Problem& problem)
      : device_(device), problem_(problem), tensors_(device), workspace_(device) {}
  // The first run has to load the kernels.
  Result<float> milliseconds(const Engine& engine, int runs) {
    GRAPHRUN_TRY(allocate());
    GRAPHRUN_ASSIGN(operands_.workspace, workspace_.at_least(engine.workspace_bytes()));
    const auto time = cuda::time_of(device_, [&]() -> Status {
      for (int i = 0; i < runs; ++i) GRAPHRUN_TRY(engine.run(operands_));
      return {};
    });
    if (!time.ok()) {
      cudaGetLastError();  // the next launch is not to blame
      return time;
    }
    return *time / static_cast<float>(runs);
  }
  Status allocate() {
    if (operands_.x != nullptr) return {};
    const Geometry& g = problem_.g;
    ScratchPlan plan;
    const std::int64_t y_bytes = bytes_of(problem_.type, g.n * g.oh * g.ow * g.o);
    const std::int64_t weight =
        plan.add(bytes_of(DType::f32, g.o * g.kernel_positions() * g.group_channels()));
    const std::int64_t y = plan.add(y_bytes);
    const std::int64_t bias = plan.add(bytes_of(DType::f32, g.o));
    const std::int64_t residual = plan.add(problem_.residual ? y_bytes : 0);
    const std::int64_t x = plan.add(bytes_of(problem_.type, g.n * g.h * g.w * g.c));
    GRAPHRUN_ASSIGN(void* const memory, tensors_.at_least(plan.bytes()));
    operands_ = {scratch_at(memory, x),           scratch_at(memory, weight), scratch_at(memory, y),
                 scratch_at<float>(memory, bias), scratch_at(memory, bias),   scratch_at(memory, residual)};
    return {};
  }

 private:
  cuda::Device& device_;
  Problem problem_;
  cuda::TrialMemory tensors_, workspace_;
  Operands operands_;
};

std::string key_of(const Problem& problem) {
  constexpr std::string_view kKinds[] = {"forward", "grad_data", "grad_weight"};
  const Geometry& g = problem.g;
  std::string key = "conv2d " + std::string(kKinds[static_cast<std::size_t>(problem.kind)]);
  key.append(" ").append(to_string(problem.type));
  for (const std::int64_t number :
       {g.n, g.c, g.h, g.w, g.o, g.oh, g.ow, g.kh, g.kw, g.sh, g.sw, g.ph, g.pw, g.dh, g.dw, g.groups})
    key.append(" ").append(std::to_string(number));
  if (problem.bias) key += " bias";
  if (problem.residual) key += " residual";
  if (problem.relu) key += " relu";
  return key;
}

// Below that a better engine saves less than a few microseconds: not worth a second of trials.
double worth_trials(DType type) { return type == DType::f32 ? 2e9 : 1e8; }

double operations_of(const Geometry& g) {
  return 2.0 * static_cast<double>(g.n * g.oh * g.ow) *
         static_cast<double>(g.o * g.group_channels() * g.kernel_positions());
}

struct Choice {
  int number = -1;
  std::unique_ptr<Engine> engine;
};

Choice first_that_runs(const std::vector<int>& numbers, Candidates& candidates, Trial& trial) {
  const bool memory = trial.allocate().ok();
  for (const int number : numbers) {
    auto engine = candidates.build(number);
    if (engine.ok() && (!memory || trial.milliseconds(**engine, 1).ok())) return {number, *std::move(engine)};
  }
  return {};
}

// What a good engine takes, roughly: rates that large convolutions reach, and the start of a kernel.
float expected_milliseconds(const Problem& problem) {
  const double operations_per_ms = problem.type == DType::f32 ? 2e10 : 3e11;
  return static_cast<float>(operations_of(problem.g) / operations_per_ms) + 0.02f;
}

// The promising ones; where they all are far from what can be expected, the others too.
Choice fastest(Candidates& candidates, const Problem& problem, Trial& trial) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPatience(1500), kMaxPatience(6000);
  constexpr float kHopeless = 2;  // times the best
  constexpr float kSlow = 6;      // times what is expected
  constexpr int kRuns = 3;
  std::vector<int> numbers = candidates.ranked();
  const std::size_t promising = numbers.size();
  for (const int number : candidates.all()) {
    const auto end = numbers.begin() + static_cast<std::ptrdiff_t>(promising);
    if (std::find(numbers.begin(), end, number) == end) numbers.push_back(number);
  }
  const float slow = kSlow * expected_milliseconds(problem);
  const Clock::time_point begin = Clock::now();
  Choice best;
  float best_time = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const bool good = best_time <= slow;
    if (good && (i >= promising || Clock::now() - begin > kPatience)) break;
    if (best.engine && Clock::now() - begin > kMaxPatience) break;
    auto engine = candidates.build(numbers[i]);
    if (!engine.ok()) continue;
    auto time = trial.milliseconds(**engine, 1);
    if (!time.ok()) continue;
    // The first run loads the kernel; what takes so long even so need not be seen again.
    constexpr float kLoading = 50;
    if (*time < kLoading || !best.engine) time = trial.milliseconds(**engine, 1);
    if (time.ok() && *time < kHopeless * best_time && *time < kLoading)
      time = trial.milliseconds(**engine, kRuns);
    if (!time.ok() || *time >= best_time) continue;
    best_time = *time;
    best = {numbers[i], *std::move(engine)};
  }
  return best;
}

Result<std::unique_ptr<Engine>> make_engine(cuda::Device& device, const Problem& problem,
                                            const std::string& key) {
  if (const auto known = device.tuning().find(key)) {
    Candidates candidates(device, problem);
    Choice choice;
    if (known->tried) {
      auto engine = candidates.build(known->number);
      if (engine.ok()) choice = {known->number, *std::move(engine)};
    } else {
      Trial trial(device, problem);
      choice = first_that_runs({known->number}, candidates, trial);
    }
    if (choice.engine) {
      device.tuning().remember(key, choice.number, known->lasting);
      return std::move(choice.engine);
    }
  }
  Candidates candidates(device, problem);
  Trial trial(device, problem);
  const bool worth = operations_of(problem.g) >= worth_trials(problem.type) && trial.allocate().ok();
  Choice choice;
  if (worth) choice = fastest(candidates, problem, trial);
  if (!choice.engine) {
    Candidates rest(device, problem);
    choice = first_that_runs(rest.all(), rest, trial);
  }
  if (!choice.engine) {
    // After an error that stays every engine fails.
    const cudaError_t state = cudaStreamQuery(device.stream());
    if (state != cudaErrorNotReady) GRAPHRUN_TRY(cuda::check(state, "trying engines for " + key));
    return {ErrorCode::declined, "no library has an engine for: " + key};
  }
  device.tuning().remember(key, choice.number, worth);
  return std::move(choice.engine);
}

}  // namespace

Result<std::shared_ptr<const Engine>> choose_engine(cuda::Device& device, const Problem& problem) {
  const std::string key = key_of(problem);
  if (const std::shared_ptr<void> cached = device.cached(key))
    return std::static_pointer_cast<const Engine>(cached);
  GRAPHRUN_ASSIGN(std::shared_ptr<Engine> engine, make_engine(device, problem, key));
  device.cache(key, engine);
  return std::shared_ptr<const Engine>(std::move(engine));
}

}  // namespace graphrun::ops::conv2d::gpu
