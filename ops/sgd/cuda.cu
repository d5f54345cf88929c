#include <algorithm>

#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/sgd/body.h"

// Tensors that follow each other in memory, as those of a group do, are one segment; a launch takes many.
namespace graphrun::ops::sgd {
namespace {

constexpr int kVector = 4;
constexpr int kRun = 2;  // vectors of a thread
constexpr int64_t kElementsOfBlock = int64_t{cuda::kThreads} * kVector * kRun;

// Elements [begin, end) of three ranges. Where it is wide the ranges themselves begin on 16 bytes.
struct Segment {
  float* parameters;
  const float* gradients;
  float* velocities;
  int64_t begin, end;
  float multiplier;
  uint32_t first_block;
  bool wide;
};

struct Segments {
  static constexpr int kMost = 64;  // kernels take 4 KB of parameters
  Segment segment[kMost];
  int count;
  const float* rate;
  float momentum, weight_decay;
};
static_assert(sizeof(Segments) <= 4096);

__global__ void __launch_bounds__(cuda::kThreads) update(const __grid_constant__ Segments all) {
  int low = 0, high = all.count;  // the last segment that begins at this block or before
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (all.segment[middle].first_block <= blockIdx.x ? low : high) = middle;
  }
  const Segment& s = all.segment[low];
  const float rate = *all.rate * s.multiplier;
  const int64_t block = static_cast<int64_t>(blockIdx.x - s.first_block) * kElementsOfBlock;
#pragma unroll
  for (int k = 0; k < kRun; ++k) {
    const int64_t at = block + (int64_t{k} * cuda::kThreads + threadIdx.x) * kVector;
    if (s.wide && at >= s.begin && at + kVector <= s.end) {
      auto parameters = cuda::load<kVector>(s.parameters + at);
      const auto gradients = cuda::load<kVector>(s.gradients + at);
      auto velocities = cuda::load<kVector>(s.velocities + at);
#pragma unroll
      for (int c = 0; c < kVector; ++c) {
        step(parameters.element[c], gradients.element[c], velocities.element[c], rate, all.momentum,
             all.weight_decay);
      }
      cuda::store(s.parameters + at, parameters);
      cuda::store(s.velocities + at, velocities);
    } else {
      const int64_t first = at > s.begin ? at : s.begin, last = at + kVector < s.end ? at + kVector : s.end;
      for (int64_t i = first; i < last; ++i)
        step(s.parameters[i], s.gradients[i], s.velocities[i], rate, all.momentum, all.weight_decay);
    }
  }
}

// A tensor as a segment, from address 0 of its ranges.
Segment segment_of(float* parameters, const float* gradients, float* velocities, int64_t count,
                   float multiplier) {
  return {parameters, gradients, velocities, 0, count, multiplier, 0, false};
}

bool follows(const Segment& a, const Segment& b) {
  return b.parameters == a.parameters + a.end && b.gradients == a.gradients + a.end &&
         b.velocities == a.velocities + a.end && a.multiplier == b.multiplier;
}

// Moves the ranges' begins down to 16 bytes, where all three allow that.
void align(Segment& s) {
  constexpr std::uintptr_t kBytes = kVector * sizeof(float);
  const auto rest = [](const float* address) { return reinterpret_cast<std::uintptr_t>(address) % kBytes; };
  const std::uintptr_t above = rest(s.parameters);
  if (rest(s.gradients) != above || rest(s.velocities) != above) return;
  const auto elements = static_cast<int64_t>(above / sizeof(float));
  s.parameters -= elements;
  s.gradients -= elements;
  s.velocities -= elements;
  s.begin += elements;
  s.end += elements;
  s.wide = true;
}

class Sgd final : public Kernel {
 public:
  explicit Sgd(const KernelRequest& request)
      : device_(device_of(request)),
        multipliers_(request.attrs.reals("lr_mult")),
        momentum_(static_cast<float>(request.attrs.real("momentum"))),
        weight_decay_(static_cast<float>(request.attrs.real("weight_decay"))) {
    const std::size_t count = (request.inputs.size() - 1) / 3;
    for (std::size_t i = 0; i < count; ++i) counts_.push_back(request.inputs[1 + i].shape.count());
  }
  std::string_view name() const override { return "cuda"; }
  Status run(const KernelRun& run) override {
    Segments all{};
    all.rate = run.inputs[0].as<const float>();
    all.momentum = momentum_;
    all.weight_decay = weight_decay_;
    uint32_t blocks = 0;
    for (Segment& segment : segments(run)) {
      align(segment);
      segment.first_block = blocks;
      blocks += static_cast<uint32_t>((segment.end + kElementsOfBlock - 1) / kElementsOfBlock);
      all.segment[all.count++] = segment;
      if (all.count == Segments::kMost) {
        GRAPHRUN_TRY(launch(all, blocks));
        all.count = 0;
        blocks = 0;
      }
    }
    return all.count == 0 ? Status() : launch(all, blocks);
  }

 private:
  // As few as there are ranges without gaps.
  std::vector<Segment> segments(const KernelRun& run) const {
    std::vector<Segment> result;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      const double multiplier = multipliers_[multipliers_.size() == 1 ? 0 : i];
      const Segment next = segment_of(
          run.inputs[1 + i].as<float>(), run.inputs[1 + counts_.size() + i].as<const float>(),
          run.inputs[1 + 2 * counts_.size() + i].as<float>(), counts_[i], static_cast<float>(multiplier));
      if (!result.empty() && follows(result.back(), next)) {
        result.back().end += next.end;
      } else {
        result.push_back(next);
      }
    }
    return result;
  }
  Status launch(const Segments& all, uint32_t blocks) const {
    update<<<blocks, cuda::kThreads, 0, device_.stream()>>>(all);
    return cuda::check_launch("sgd");
  }

  cuda::Device& device_;
  std::vector<int64_t> counts_;
  std::vector<double> multipliers_;
  float momentum_, weight_decay_;
};

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return std::unique_ptr<Kernel>(std::make_unique<Sgd>(request));
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"sgd", "cuda", prepare}}; }

}  // namespace graphrun::ops::sgd
