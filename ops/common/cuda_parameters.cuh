#pragma once

#include <vector>

#include "ops/common/cuda_kernel.cuh"
#include "ops/common/optimizer.h"

// Optimisers on a GPU. Tensors that follow each other in memory, as those of a group do, are one segment; a
// launch takes many. A Step is an optimiser's arithmetic: its number of states `kStates`, and `loaded()`,
// with which a thread begins and which gives what updates an element: operator()(parameter, gradient, states,
// rate).
namespace graphrun::ops {

// Elements [begin, end) of the parameters, gradients and states. Where it is wide the ranges themselves begin
// on 16 bytes.
template <int States>
struct ParameterSegment {
  float* parameters;
  const float* gradients;
  float* states[States];
  int64_t begin, end;
  float multiplier;
  uint32_t first_block;
  bool wide;
};

inline constexpr int kUpdateVector = 4;
inline constexpr int kUpdateRun = 2;  // vectors of a thread
inline constexpr int64_t kUpdateElementsOfBlock = int64_t{cuda::kThreads} * kUpdateVector * kUpdateRun;

template <class Step>
struct ParameterSegments {
  static constexpr int kStates = Step::kStates;
  static constexpr int kMax = 56;  // kernels take 4 KB of parameters
  ParameterSegment<kStates> segment[kMax];
  int count;
  const float* rate;
  Step step;
};

template <int kStates, class Update>
__device__ void update_elements(const ParameterSegment<kStates>& s, const Update& update, float rate,
                                int64_t first, int64_t last) {
  for (int64_t i = first; i < last; ++i) {
    float states[kStates];
#pragma unroll
    for (int k = 0; k < kStates; ++k) states[k] = s.states[k][i];
    update(s.parameters[i], s.gradients[i], states, rate);
#pragma unroll
    for (int k = 0; k < kStates; ++k) s.states[k][i] = states[k];
  }
}

template <int kStates, class Update>
__device__ void update_vector(const ParameterSegment<kStates>& s, const Update& update, float rate,
                              int64_t at) {
  auto parameters = cuda::load<kUpdateVector>(s.parameters + at);
  const auto gradients = cuda::load<kUpdateVector>(s.gradients + at);
  decltype(parameters) vectors[kStates];
#pragma unroll
  for (int k = 0; k < kStates; ++k) vectors[k] = cuda::load<kUpdateVector>(s.states[k] + at);
#pragma unroll
  for (int c = 0; c < kUpdateVector; ++c) {
    float states[kStates];
#pragma unroll
    for (int k = 0; k < kStates; ++k) states[k] = vectors[k].element[c];
    update(parameters.element[c], gradients.element[c], states, rate);
#pragma unroll
    for (int k = 0; k < kStates; ++k) vectors[k].element[c] = states[k];
  }
  cuda::store(s.parameters + at, parameters);
#pragma unroll
  for (int k = 0; k < kStates; ++k) cuda::store(s.states[k] + at, vectors[k]);
}

template <class Step>
__global__ void __launch_bounds__(cuda::kThreads)
    update_parameters(const __grid_constant__ ParameterSegments<Step> all) {
  int low = 0, high = all.count;  // the last segment that begins at this block or before
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (all.segment[middle].first_block <= blockIdx.x ? low : high) = middle;
  }
  const ParameterSegment<Step::kStates>& s = all.segment[low];
  const float rate = *all.rate * s.multiplier;
  const auto update = all.step.loaded();
  const int64_t block = static_cast<int64_t>(blockIdx.x - s.first_block) * kUpdateElementsOfBlock;
#pragma unroll
  for (int k = 0; k < kUpdateRun; ++k) {
    const int64_t at = block + (int64_t{k} * cuda::kThreads + threadIdx.x) * kUpdateVector;
    if (s.wide && at >= s.begin && at + kUpdateVector <= s.end) {
      update_vector(s, update, rate, at);
    } else {
      const int64_t first = at > s.begin ? at : s.begin;
      const int64_t last = at + kUpdateVector < s.end ? at + kUpdateVector : s.end;
      update_elements(s, update, rate, first, last);
    }
  }
}

// The parameters of an optimiser's node.
template <class Step>
class CudaParameters {
 public:
  explicit CudaParameters(const KernelRequest& request)
      : operands_(update_operands(request)), multipliers_(rate_multipliers(request, operands_.count)) {
    for (std::size_t i = 0; i < operands_.count; ++i)
      counts_.push_back(request.inputs[operands_.parameter(i)].shape.count());
  }

  const UpdateOperands& operands() const { return operands_; }

  // Starts the update of all parameters; input 0 of the node is the learning rate.
  Status update(const KernelRun& run, const Step& step, cudaStream_t stream, std::string_view name) const {
    ParameterSegments<Step> all{};
    static_assert(sizeof(all) <= 4096);
    all.rate = run.inputs[0].as<const float>();
    all.step = step;
    int64_t blocks = 0;
    const auto launch = [&]() -> Status {
      if (all.count == 0) return {};
      update_parameters<<<static_cast<unsigned>(blocks), cuda::kThreads, 0, stream>>>(all);
      all.count = 0;
      blocks = 0;
      return cuda::check_launch(name);
    };
    for (Segment& segment : segments(run)) {
      align(segment);
      segment.first_block = static_cast<uint32_t>(blocks);
      blocks += blocks_of(segment.end, kUpdateElementsOfBlock);
      all.segment[all.count++] = segment;
      if (all.count == ParameterSegments<Step>::kMax) GRAPHRUN_TRY(launch());
    }
    return launch();
  }

 private:
  static constexpr int kStates = Step::kStates;
  using Segment = ParameterSegment<kStates>;

  static bool follows(const Segment& a, const Segment& b) {
    bool states = true;
    for (int k = 0; k < kStates; ++k) states = states && b.states[k] == a.states[k] + a.end;
    return states && b.parameters == a.parameters + a.end && b.gradients == a.gradients + a.end &&
           b.multiplier == a.multiplier;
  }

  // Merges parameters that are adjacent in memory into one segment.
  std::vector<Segment> segments(const KernelRun& run) const {
    std::vector<Segment> result;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      Segment next{};
      next.parameters = run.inputs[operands_.parameter(i)].as<float>();
      next.gradients = run.inputs[operands_.gradient(i)].as<const float>();
      for (int k = 0; k < kStates; ++k)
        next.states[k] = run.inputs[operands_.state(static_cast<std::size_t>(k), i)].as<float>();
      next.end = counts_[i];
      next.multiplier = multipliers_[i];
      if (!result.empty() && follows(result.back(), next)) {
        result.back().end += next.end;
      } else {
        result.push_back(next);
      }
    }
    return result;
  }

  // Moves the ranges' begins down to 16 bytes, where all of them allow that.
  static void align(Segment& s) {
    constexpr std::uintptr_t kBytes = kUpdateVector * sizeof(float);
    const auto rest = [](const float* address) { return reinterpret_cast<std::uintptr_t>(address) % kBytes; };
    const std::uintptr_t above = rest(s.parameters);
    bool same = rest(s.gradients) == above;
    for (int k = 0; k < kStates; ++k) same = same && rest(s.states[k]) == above;
    if (!same) return;
    const auto elements = static_cast<int64_t>(above / sizeof(float));
    s.parameters -= elements;
    s.gradients -= elements;
    for (int k = 0; k < kStates; ++k) s.states[k] -= elements;
    s.begin += elements;
    s.end += elements;
    s.wide = true;
  }

  UpdateOperands operands_;
  std::vector<float> multipliers_;
  std::vector<int64_t> counts_;
};

}  // namespace graphrun::ops
