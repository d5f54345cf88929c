#include "ops/conv2d/cuda_candidates.h"

#include <algorithm>

#include "ops/common/scratch.h"
#include "ops/conv2d/cuda_layout.h"
#include "runtime/cuda/cublas.h"

namespace graphrun::ops::conv2d::gpu {

using cuda::dnn::Convolution;
using cuda::dnn::Graph;
using cuda::dnn::Plan;

namespace {

// What engines may not do. Winograd and FFT lose digits that f32 promises; in bf16 what they save is not
// worth theirs.
constexpr std::array kForbidden{
    CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
    CUDNN_NUMERICAL_NOTE_FFT, CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
    CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13,
    // In f32 alone, where both mean rounded operands (TF32).
    CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS};
std::span<const cudnnBackendNumericalNote_t> forbidden(DType type) {
  const std::span<const cudnnBackendNumericalNote_t> all(kForbidden);
  return type == DType::f32 ? all : all.first(all.size() - 2);
}

// A workspace is part of a session's memory. cuDNN's f32 engines rearrange whole activations in it.
std::int64_t max_workspace(DType type) { return std::int64_t{type == DType::f32 ? 1024 : 256} << 20; }

std::int64_t bytes_of(DType type, std::int64_t count) {
  return count * static_cast<std::int64_t>(size_of(type));
}

// What follows a convolution, by a kernel of its own, for engines that know nothing of it. The residual may
// be where the result goes: the convolution must not be written there first.
class Finish {
 public:
  Finish(const Problem& problem, std::int64_t workspace_bytes) : problem_(problem) {
    ScratchPlan plan;
    plan.add(workspace_bytes);
    const Geometry& g = problem.g;
    if (problem.residual) sum_at_ = plan.add(bytes_of(problem.type, g.n * g.oh * g.ow * g.o));
    workspace_bytes_ = plan.bytes();
  }
  // The engine's own, and what is needed here behind it.
  std::int64_t workspace_bytes() const { return workspace_bytes_; }
  // Where the convolution goes.
  void* sum(const Operands& operands) const {
    return problem_.residual ? scratch_at(operands.workspace, sum_at_) : operands.y;
  }
  Status run(cudaStream_t stream, const Operands& operands) const {
    if (!problem_.bias) return {};
    const Geometry& g = problem_.g;
    const TensorView y{TensorDesc::nhwc(problem_.type, {g.n, g.o, g.oh, g.ow}), operands.y};
    const void* const residual = problem_.residual ? operands.residual : nullptr;
    return finish_pixels(stream, sum(operands), g.o, {operands.bias, residual, g.o, problem_.relu}, y);
  }

 private:
  Problem problem_;
  std::int64_t sum_at_ = 0, workspace_bytes_ = 0;
};

// Windows of one pixel: the pixels are the rows of a matrix.
class Product final : public Engine {
 public:
  Product(cuda::Device& device, const Problem& problem)
      : device_(device), problem_(problem), finish_(problem, 0) {}
  std::string_view name() const override { return "cublas"; }
  std::int64_t workspace_bytes() const override { return finish_.workspace_bytes(); }
  bool writes_anywhere() const override { return true; }
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
    const cuda::Matrix sum{finish_.sum(operands), g.o};
    GRAPHRUN_TRY(cuda::multiply(device_, {pixels, g.o, g.c, type, type}, x, transposed(weight), sum));
    return finish_.run(device_.stream(), operands);
  }

 private:
  cuda::Device& device_;
  Problem problem_;
  Finish finish_;
};

// A tensor of a graph and where it is among the operands.
struct Binding {
  std::int64_t name;
  void* Operands::*operand;
};

class Library final : public Engine {
 public:
  struct Variant {
    bool fused = false;    // bias, residual and ReLU are in the plan
    bool flipped = false;  // a gradient by x as a convolution of gy
  };
  Library(cuda::Device& device, const Problem& problem, Variant variant, Plan plan,
          std::vector<Binding> bindings)
      : device_(device),
        problem_(problem),
        variant_(variant),
        finish_(variant.fused ? Problem() : problem, plan.workspace_bytes()),
        plan_(std::move(plan)),
        bindings_(std::move(bindings)) {
    for (const Binding& binding : bindings_) names_.push_back(binding.name);
  }
  std::string_view name() const override { return variant_.fused ? "cudnn_fused" : "cudnn"; }
  std::int64_t workspace_bytes() const override { return finish_.workspace_bytes(); }
  bool flipped() const override { return variant_.flipped; }
  DType result_type() const override { return problem_.type; }
  Status run(const Operands& operands) const override {
    Operands bound = operands;
    if (!variant_.fused && problem_.kind == Convolution::forward) bound.y = finish_.sum(operands);
    std::array<void*, 5> data{};
    for (std::size_t i = 0; i < bindings_.size(); ++i) data[i] = bound.*bindings_[i].operand;
    GRAPHRUN_TRY(
        plan_.run(device_.cudnn(), names_, std::span(data.data(), names_.size()), operands.workspace));
    return finish_.run(device_.stream(), operands);
  }

 private:
  cuda::Device& device_;
  Problem problem_;
  Variant variant_;
  Finish finish_;
  Plan plan_;
  std::vector<Binding> bindings_;
  std::vector<std::int64_t> names_;
};

}  // namespace

class EngineHeuristics {
 public:
  static std::unique_ptr<EngineHeuristics> make(cuda::Device& device, const Problem& problem,
                                                Library::Variant variant) {
    std::unique_ptr<EngineHeuristics> heuristics(new EngineHeuristics(device, problem, variant));
    auto graph = std::make_shared<Graph>();
    if (!heuristics->describe(*graph).ok() || !graph->finish(device.cudnn()).ok()) return heuristics;
    heuristics->configurations_ = graph->configurations(forbidden(problem.type));
    heuristics->graph_ = std::move(graph);
    return heuristics;
  }
  int count() const { return static_cast<int>(configurations_.size()); }
  // Each may be asked for once.
  Result<std::unique_ptr<Engine>> build(int index) {
    GRAPHRUN_ASSIGN(Plan plan, Plan::make(device_.cudnn(), graph_,
                                          std::move(configurations_[static_cast<std::size_t>(index)])));
    auto engine = std::make_unique<Library>(device_, problem_, variant_, std::move(plan), bindings_);
    if (engine->workspace_bytes() > max_workspace(problem_.type))
      return {ErrorCode::declined, "the workspace is too large"};
    return std::unique_ptr<Engine>(std::move(engine));
  }

 private:
  EngineHeuristics(cuda::Device& device, const Problem& problem, Library::Variant variant)
      : device_(device), problem_(problem), variant_(variant) {}

  Status describe(Graph& graph) {
    const Geometry g = variant_.flipped ? flipped_geometry(problem_.g) : problem_.g;
    const DType type = problem_.type;
    const cuda::dnn::Window window{{g.ph, g.pw}, {g.sh, g.sw}, {g.dh, g.dw}};
    const std::array<std::int64_t, 4> of_y{g.n, g.o, g.oh, g.ow};
    GRAPHRUN_ASSIGN(const std::int64_t x, graph.add({type, {g.n, g.c, g.h, g.w}}));
    GRAPHRUN_ASSIGN(const std::int64_t weight, graph.add({type, {g.o, g.group_channels(), g.kh, g.kw}}));
    GRAPHRUN_ASSIGN(const std::int64_t y, graph.add({type, of_y}));
    bindings_ = {{x, variant_.flipped ? &Operands::y : &Operands::x},
                 {weight, &Operands::weight},
                 {y, variant_.flipped ? &Operands::x : &Operands::y}};
    const Convolution kind = variant_.flipped ? Convolution::forward : problem_.kind;
    if (!variant_.fused) return graph.convolve(kind, window, x, weight, y);
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
  Library::Variant variant_;
  std::vector<Binding> bindings_;
  std::shared_ptr<const Graph> graph_;
  std::vector<cuda::dnn::Configuration> configurations_;
};

Candidates::Candidates(cuda::Device& device, const Problem& problem) : device_(device), problem_(problem) {
  const Geometry& g = problem.g;
  const bool pixelwise =
      g.groups == 1 && g.kernel_positions() == 1 && g.sh == 1 && g.sw == 1 && g.ph == 0 && g.pw == 0;
  const Geometry flipped = flipped_geometry(g);
  available_[kFused] = problem.bias;
  available_[kProduct] = pixelwise;
  available_[kPlain] = true;
  available_[kTurned] = problem.kind == Convolution::grad_data && g.groups == 1 && !pixelwise && g.sh == 1 &&
                        g.sw == 1 && flipped.ph >= 0 && flipped.pw >= 0;
}
Candidates::~Candidates() = default;

EngineHeuristics& Candidates::heuristics(int family) {
  auto& known = heuristics_[static_cast<std::size_t>(family)];
  if (!known)
    known =
        EngineHeuristics::make(device_, problem_, {.fused = family == kFused, .flipped = family == kTurned});
  return *known;
}

int Candidates::count(int family) {
  if (!available_[static_cast<std::size_t>(family)]) return 0;
  return family == kProduct ? 1 : heuristics(family).count();
}

std::vector<int> Candidates::ranked() {
  constexpr int kTrials = 6, kMoreTrials = 3;
  std::vector<int> numbers;
  for (int family = 0; family < kFamilies; ++family) {
    const bool other = family == kTurned || (family == kPlain && available_[kFused]);
    const int most = std::min(count(family), other ? kMoreTrials : kTrials);
    for (int i = 0; i < most; ++i) numbers.push_back(family * kFamily + i);
  }
  return numbers;
}

std::vector<int> Candidates::all() const {
  std::vector<int> numbers;
  for (int family = 0; family < kFamilies; ++family) {
    if (!available_[static_cast<std::size_t>(family)]) continue;
    for (int i = 0; i < kFamily; ++i) numbers.push_back(family * kFamily + i);
  }
  return numbers;
}

Result<std::unique_ptr<Engine>> Candidates::build(int number) {
  const int family = number / kFamily;
  const int index = number % kFamily;
  if (number < 0 || family >= kFamilies || index >= count(family))
    return {ErrorCode::declined, "there is no such engine"};
  if (family == kProduct) return std::unique_ptr<Engine>(std::make_unique<Product>(device_, problem_));
  return heuristics(family).build(index);
}

}  // namespace graphrun::ops::conv2d::gpu
