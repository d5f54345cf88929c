#include "ops/conv2d/cuda_engine.h"

#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <vector>

#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_layout.h"
#include "runtime/cuda/cublas.h"
#include "runtime/cuda/tuning.h"

namespace graphrun::ops::conv2d::gpu {
namespace {

using cuda::dnn::Configuration;
using cuda::dnn::Convolution;
using cuda::dnn::Graph;
using cuda::dnn::Plan;
using cuda::dnn::Tensor;

// Winograd and FFT lose digits that f32 promises; in bf16 what they save is not worth theirs.
constexpr std::array kForbidden{CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
                                CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
                                CUDNN_NUMERICAL_NOTE_FFT,
                                CUDNN_NUMERICAL_NOTE_WINOGRAD,
                                CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
                                CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6,
                                CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13};
// In f32 tensor cores mean rounded operands (TF32).
constexpr std::array kForbiddenInF32{CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
                                     CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
                                     CUDNN_NUMERICAL_NOTE_FFT,
                                     CUDNN_NUMERICAL_NOTE_WINOGRAD,
                                     CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
                                     CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6,
                                     CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13,
                                     CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
                                     CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS};

// A workspace is part of a session's memory. cuDNN's f32 engines rearrange whole activations in it.
std::int64_t most_workspace(DType type) { return std::int64_t{type == DType::f32 ? 1024 : 256} << 20; }

std::int64_t bytes_of(DType type, std::int64_t count) {
  return count * static_cast<std::int64_t>(size_of(type));
}

// What follows the convolution, as a kernel of its own.
Status finish(cudaStream_t stream, const Problem& problem, const Operands& operands) {
  if (!problem.bias) return {};
  const Geometry& g = problem.g;
  const TensorView y{TensorDesc::nhwc(problem.type, {g.n, g.o, g.oh, g.ow}), operands.y};
  return finish_pixels(stream, operands.y, g.o,
                       {operands.bias, problem.residual ? operands.residual : nullptr, g.o, problem.relu}, y);
}

// Windows of one pixel: the pixels are the rows of a matrix.
class Product final : public Engine {
 public:
  Product(cuda::Device& device, const Problem& problem) : device_(device), problem_(problem) {}
  std::string_view name() const override { return "cublas"; }
  DType result_type() const override {
    return problem_.kind == Convolution::grad_weight ? DType::f32 : problem_.type;
  }
  Status run(const Operands& operands) const override {
    const Geometry& g = problem_.g;
    const std::int64_t pixels = g.n * g.h * g.w;
    const DType type = problem_.type;
    const cuda::Matrix x{operands.x, g.c}, y{operands.y, g.o}, weight{operands.weight, g.c};
    const auto transposed = [](cuda::Matrix matrix) {
      matrix.transposed = true;
      return matrix;
    };
    if (problem_.kind == Convolution::grad_data)
      return cuda::multiply(device_, {pixels, g.c, g.o, type, type}, y, weight, x);
    if (problem_.kind == Convolution::grad_weight)
      return cuda::multiply(device_, {g.o, g.c, pixels, type, DType::f32}, transposed(y), x, weight);
    GRAPHRUN_TRY(cuda::multiply(device_, {pixels, g.o, g.c, type, type}, x, transposed(weight), y));
    return finish(device_.stream(), problem_, operands);
  }

 private:
  cuda::Device& device_;
  Problem problem_;
};

// A tensor of a graph and where it is among the operands.
struct Binding {
  std::int64_t name;
  void* Operands::*operand;
};

class Library final : public Engine {
 public:
  struct Form {
    bool fused = false;   // bias, residual and ReLU are in the plan
    bool turned = false;  // a gradient by x as a convolution of gy
  };
  Library(cuda::Device& device, const Problem& problem, Form form, Plan plan, std::vector<Binding> bindings)
      : device_(device),
        problem_(problem),
        form_(form),
        plan_(std::move(plan)),
        bindings_(std::move(bindings)) {
    for (const Binding& binding : bindings_) names_.push_back(binding.name);
  }
  std::string_view name() const override { return form_.fused ? "cudnn_fused" : "cudnn"; }
  std::int64_t workspace_bytes() const override { return plan_.workspace_bytes(); }
  bool turned() const override { return form_.turned; }
  DType result_type() const override { return problem_.type; }
  Status run(const Operands& operands) const override {
    std::array<void*, 5> data{};
    for (std::size_t i = 0; i < bindings_.size(); ++i) data[i] = operands.*bindings_[i].operand;
    GRAPHRUN_TRY(
        plan_.run(device_.cudnn(), names_, std::span(data.data(), names_.size()), operands.workspace));
    return form_.fused ? Status() : finish(device_.stream(), problem_, operands);
  }

 private:
  cuda::Device& device_;
  Problem problem_;
  Form form_;
  Plan plan_;
  std::vector<Binding> bindings_;
  std::vector<std::int64_t> names_;
};

// What cuDNN offers of one form of the problem.
class Offers {
 public:
  static Offers make(cuda::Device& device, const Problem& problem, Library::Form form) {
    Offers offers(device, problem, form);
    auto graph = std::make_shared<Graph>();
    if (!offers.describe(*graph).ok() || !graph->finish(device.cudnn()).ok()) return offers;
    offers.configurations_ = graph->configurations(
        problem.type == DType::f32 ? std::span<const cudnnBackendNumericalNote_t>(kForbiddenInF32)
                                   : std::span<const cudnnBackendNumericalNote_t>(kForbidden));
    offers.graph_ = std::move(graph);
    return offers;
  }
  int count() const { return static_cast<int>(configurations_.size()); }
  // Each may be asked for once.
  Result<std::unique_ptr<Engine>> take(int index) {
    GRAPHRUN_ASSIGN(Plan plan, Plan::make(device_.cudnn(), graph_,
                                          std::move(configurations_[static_cast<std::size_t>(index)])));
    if (plan.workspace_bytes() > most_workspace(problem_.type))
      return {ErrorCode::declined, "the plan's workspace is too large"};
    return std::unique_ptr<Engine>(
        std::make_unique<Library>(device_, problem_, form_, std::move(plan), bindings_));
  }

 private:
  Offers(cuda::Device& device, const Problem& problem, Library::Form form)
      : device_(device), problem_(problem), form_(form) {}

  Status describe(Graph& graph) {
    const Geometry g = form_.turned ? turned_geometry(problem_.g) : problem_.g;
    const DType type = problem_.type;
    const cuda::dnn::Window window{{g.ph, g.pw}, {g.sh, g.sw}, {g.dh, g.dw}};
    const std::array<std::int64_t, 4> of_y{g.n, g.o, g.oh, g.ow};
    GRAPHRUN_ASSIGN(const std::int64_t x, graph.add({type, {g.n, g.c, g.h, g.w}}));
    GRAPHRUN_ASSIGN(const std::int64_t weight, graph.add({type, {g.o, g.c, g.kh, g.kw}}));
    GRAPHRUN_ASSIGN(const std::int64_t y, graph.add({type, of_y}));
    bindings_ = {{x, form_.turned ? &Operands::y : &Operands::x},
                 {weight, &Operands::weight},
                 {y, form_.turned ? &Operands::x : &Operands::y}};
    const Convolution kind = form_.turned ? Convolution::forward : problem_.kind;
    if (!form_.fused) return graph.convolve(kind, window, x, weight, y);
    // cuDNN has ready kernels for this order of the sums and for a bias of the activations' type.
    GRAPHRUN_ASSIGN(std::int64_t sum, graph.add({DType::f32, of_y, true}));
    GRAPHRUN_TRY(graph.convolve(kind, window, x, weight, sum));
    if (problem_.residual) {
      GRAPHRUN_ASSIGN(const std::int64_t residual, graph.add({type, of_y}));
      GRAPHRUN_ASSIGN(const std::int64_t next, graph.add({DType::f32, of_y, true}));
      GRAPHRUN_TRY(graph.sum(sum, residual, next));
      bindings_.push_back({residual, &Operands::residual});
      sum = next;
    }
    GRAPHRUN_ASSIGN(const std::int64_t bias, graph.add({type, {1, g.o, 1, 1}}));
    bindings_.push_back({bias, &Operands::narrow_bias});
    if (!problem_.relu) return graph.sum(sum, bias, y);
    GRAPHRUN_ASSIGN(const std::int64_t last, graph.add({DType::f32, of_y, true}));
    GRAPHRUN_TRY(graph.sum(sum, bias, last));
    return graph.relu(last, y);
  }

  cuda::Device& device_;
  Problem problem_;
  Library::Form form_;
  std::vector<Binding> bindings_;
  std::shared_ptr<const Graph> graph_;
  std::vector<Configuration> configurations_;
};

// Every engine there may be, by numbers that mean the same whenever they are asked for on one machine.
class Candidates {
 public:
  Candidates(cuda::Device& device, const Problem& problem) : device_(device), problem_(problem) {
    const Geometry& g = problem.g;
    const bool pixelwise = g.taps() == 1 && g.sh == 1 && g.sw == 1 && g.ph == 0 && g.pw == 0;
    const Geometry turned = turned_geometry(g);
    available_ = {problem.bias, pixelwise, true,
                  problem.kind == Convolution::grad_data && !pixelwise && g.sh == 1 && g.sw == 1 &&
                      turned.ph >= 0 && turned.pw >= 0};
  }

  // Those worth a trial, the most promising first.
  std::vector<int> numbers() {
    constexpr int kTrials = 6, kMoreTrials = 3;
    std::vector<int> all;
    for (int family = 0; family < kFamilies; ++family) {
      const bool other = family == kTurned || (family == kPlain && available_[kFused]);
      const int most = std::min(count(family), other ? kMoreTrials : kTrials);
      for (int i = 0; i < most; ++i) all.push_back(family * kFamily + i);
    }
    return all;
  }
  // All of them.
  std::vector<int> every_number() {
    std::vector<int> all;
    for (int family = 0; family < kFamilies; ++family) {
      for (int i = 0; i < std::min(count(family), kFamily); ++i) all.push_back(family * kFamily + i);
    }
    return all;
  }
  // Each may be asked for once.
  Result<std::unique_ptr<Engine>> take(int number) {
    const int family = number / kFamily;
    const int index = number % kFamily;
    if (number < 0 || family >= kFamilies || index >= count(family))
      return {ErrorCode::declined, "there is no such engine"};
    if (family == kProduct) return std::unique_ptr<Engine>(std::make_unique<Product>(device_, problem_));
    return offers(family).take(index);
  }

 private:
  enum Family { kFused, kProduct, kPlain, kTurned, kFamilies };
  static constexpr int kFamily = 64;  // numbers of one
  static_assert(kFamilies * kFamily - 1 <= cuda::Tuning::kMaxChoice);

  Offers& offers(int family) {
    auto& known = offers_[static_cast<std::size_t>(family)];
    if (!known)
      known.emplace(
          Offers::make(device_, problem_, {.fused = family == kFused, .turned = family == kTurned}));
    return *known;
  }
  int count(int family) {
    if (!available_[static_cast<std::size_t>(family)]) return 0;
    return family == kProduct ? 1 : offers(family).count();
  }

  cuda::Device& device_;
  Problem problem_;
  std::array<bool, kFamilies> available_{};
  std::array<std::optional<Offers>, kFamilies> offers_;
};

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
    const std::int64_t weight = plan.add(bytes_of(DType::f32, g.o * g.taps() * g.c));
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
       {g.n, g.c, g.h, g.w, g.o, g.oh, g.ow, g.kh, g.kw, g.sh, g.sw, g.ph, g.pw, g.dh, g.dw})
    key.append(" ").append(std::to_string(number));
  if (problem.bias) key += " bias";
  if (problem.residual) key += " residual";
  if (problem.relu) key += " relu";
  return key;
}

// Below that the start of a kernel takes longer than the work.
constexpr double kWorthTrials = 5e7;

double operations_of(const Geometry& g) {
  return 2.0 * static_cast<double>(g.n * g.oh * g.ow) * static_cast<double>(g.o * g.c * g.taps());
}

struct Choice {
  int number = -1;
  std::unique_ptr<Engine> engine;
};

Choice first_that_runs(const std::vector<int>& numbers, Candidates& candidates, Trial& trial) {
  const bool memory = trial.allocate().ok();
  for (const int number : numbers) {
    auto engine = candidates.take(number);
    if (engine.ok() && (!memory || trial.milliseconds(**engine, 1).ok())) return {number, *std::move(engine)};
  }
  return {};
}

Choice fastest(const std::vector<int>& numbers, Candidates& candidates, Trial& trial) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPatience(1500);
  constexpr float kHopeless = 2;  // times the best
  constexpr int kRuns = 3;
  const Clock::time_point begin = Clock::now();
  Choice best;
  float best_time = std::numeric_limits<float>::max();
  for (const int number : numbers) {
    if (best.engine && Clock::now() - begin > kPatience) break;
    auto engine = candidates.take(number);
    if (!engine.ok() || !trial.milliseconds(**engine, 1).ok()) continue;
    auto time = trial.milliseconds(**engine, 1);
    if (time.ok() && *time < kHopeless * best_time) time = trial.milliseconds(**engine, kRuns);
    if (!time.ok() || *time >= best_time) continue;
    best_time = *time;
    best = {number, *std::move(engine)};
  }
  return best;
}

}  // namespace

Result<std::unique_ptr<Engine>> choose_engine(cuda::Device& device, const Problem& problem) {
  const std::string key = key_of(problem);
  const auto known = device.tuning().find(key);
  {
    // A remembered engine must run: the file may be another machine's or worse.
    Candidates candidates(device, problem);
    Trial trial(device, problem);
    if (known) {
      Choice choice = first_that_runs({*known}, candidates, trial);
      if (choice.engine) return std::move(choice.engine);
    }
  }
  Candidates candidates(device, problem);
  Trial trial(device, problem);
  const bool worth = operations_of(problem.g) >= kWorthTrials && trial.allocate().ok();
  Choice choice;
  if (worth) choice = fastest(candidates.numbers(), candidates, trial);
  if (!choice.engine) {
    Candidates rest(device, problem);
    choice = first_that_runs(rest.every_number(), rest, trial);
  }
  if (!choice.engine) return {ErrorCode::declined, "no library has an engine for: " + key};
  device.tuning().remember(key, choice.number, worth);
  return std::move(choice.engine);
}

}  // namespace graphrun::ops::conv2d::gpu
