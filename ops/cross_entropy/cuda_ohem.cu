#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/cross_entropy/cuda_scores.cuh"

// hard_label: the probability at a place of the sorted ones is found digit by digit from histograms, the
// highest digit first.
namespace graphrun::ops::cross_entropy {
namespace {

constexpr int kDigits = 3;
constexpr int kBits = 11;  // of a digit; kDigits * kBits >= 32
constexpr int kBins = 1 << kBits;
constexpr int kBinsOfThread = kBins / cuda::kThreads;

// Numbers in the order of their probabilities. A probability that is no number is the hardest: it comes
// before 0.
__device__ uint32_t key_of(float probability) {
  return probability >= 0 ? __float_as_uint(probability + 0.0f) + 1 : 0;
}
__device__ float probability_of(uint32_t key) { return key == 0 ? -1.0f : __uint_as_float(key - 1); }
__device__ uint32_t digit_of(uint32_t key, int digit) {
  return key >> ((kDigits - 1 - digit) * kBits) & (kBins - 1);
}

struct Search {
  unsigned long long valid;  // pixels
  unsigned long long below;  // those of them whose probability is less than the threshold
  unsigned long long place;  // among the valid pixels that begin with `prefix`
  uint32_t prefix;           // the digits that are known
  float limit;               // pixels with a smaller probability are hard; negative until it is found
  unsigned long long bins[kDigits][kBins];
};

struct Rule {
  float threshold;
  int64_t min_kept;
  double min_share;
  int32_t ignore;
};

// Counts the digit of the pixels whose higher digits are known to be right; the first time also the pixels.
__global__ void __launch_bounds__(cuda::kThreads)
    count_digit(Search* search, const int32_t* label, const float* probability, int64_t pixels, Rule rule,
                int digit) {
  __shared__ unsigned bins[kBins];
  if (digit > 0 && search->limit >= 0) return;
  for (int i = static_cast<int>(threadIdx.x); i < kBins; i += cuda::kThreads) bins[i] = 0;
  __syncthreads();
  const uint32_t prefix = digit == 0 ? 0 : search->prefix;
  const int64_t step = static_cast<int64_t>(gridDim.x) * cuda::kThreads;
  int valid = 0, below = 0;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * cuda::kThreads; first < pixels; first += step) {
    const int64_t i = first + threadIdx.x;
    uint32_t bin = kNoKey;
    if (i < pixels && label[i] != rule.ignore) {
      const uint32_t key = key_of(probability[i]);
      ++valid;
      below += probability_of(key) < rule.threshold ? 1 : 0;
      const int known = (kDigits - digit) * kBits;
      if (digit == 0 || key >> known == prefix) bin = digit_of(key, digit);
    }
    count_keys(bins, bin);
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kBins; i += cuda::kThreads) {
    if (bins[i] != 0) atomicAdd(&search->bins[digit][i], static_cast<unsigned long long>(bins[i]));
  }
  if (digit > 0) return;
  valid = cuda::warp_sum(valid);
  below = cuda::warp_sum(below);
  if (threadIdx.x % 32 != 0) return;
  atomicAdd(&search->valid, static_cast<unsigned long long>(valid));
  atomicAdd(&search->below, static_cast<unsigned long long>(below));
}

// One block: finds the bin that holds the place, and so one digit more. Before the first digit it decides
// what to search for.
__global__ void __launch_bounds__(cuda::kThreads) choose_digit(Search* search, Rule rule, int digit) {
  __shared__ unsigned long long of_thread[cuda::kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  if (digit == 0 && thread == 0) {
    const auto valid = static_cast<int64_t>(search->valid);
    const auto share = static_cast<int64_t>(rule.min_share * static_cast<double>(valid));
    const int64_t kept = rule.min_kept > share ? rule.min_kept : share;
    const int64_t place = kept < valid - 1 ? kept : valid - 1;
    // The threshold is the larger one where more pixels are below it than must be kept.
    const bool enough = static_cast<int64_t>(search->below) > place;
    search->limit = valid == 0 || enough ? rule.threshold : -1.0f;
    search->place = valid == 0 ? 0 : static_cast<unsigned long long>(place);
    search->prefix = 0;
  }
  __syncthreads();
  if (search->limit >= 0) return;
  unsigned long long mine = 0;
  for (int i = 0; i < kBinsOfThread; ++i) mine += search->bins[digit][thread * kBinsOfThread + i];
  of_thread[thread] = mine;
  __syncthreads();
  if (thread != 0) return;
  unsigned long long place = search->place;
  int t = 0;
  while (place >= of_thread[t]) place -= of_thread[t++];
  int bin = t * kBinsOfThread;
  while (place >= search->bins[digit][bin]) place -= search->bins[digit][bin++];
  search->place = place;
  search->prefix = search->prefix << kBits | static_cast<uint32_t>(bin);
  if (digit == kDigits - 1) search->limit = probability_of(search->prefix);
}

struct KeepHard {
  const Search* search;
  const int32_t* label;
  const float* probability;
  int32_t* hard;
  int32_t ignore;
  __device__ void operator()(int64_t i) const {
    hard[i] = probability_of(key_of(probability[i])) < search->limit ? label[i] : ignore;
  }
};

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_cuda_hard_label(const KernelRequest& request) {
  const Rule rule{static_cast<float>(request.attrs.real("threshold")), request.attrs.integer("min_kept"),
                  request.attrs.real("min_share"),
                  static_cast<int32_t>(request.attrs.integer("ignore_label"))};
  const int64_t pixels = request.inputs[0].shape.count();
  cuda::Device& device = device_of(request);
  const unsigned all = cuda::blocks_for(pixels);
  const unsigned most = static_cast<unsigned>(device.multiprocessors()) * 8;
  const auto run = [&device, rule, pixels, blocks = all < most ? all : most](const KernelRun& io) -> Status {
    auto* search = static_cast<Search*>(io.scratch);
    const auto* label = io.inputs[0].as<const int32_t>();
    const auto* probability = io.inputs[1].as<const float>();
    GRAPHRUN_TRY(cuda::check(cudaMemsetAsync(search, 0, sizeof(Search), device.stream()), "cudaMemsetAsync"));
    for (int digit = 0; digit < kDigits; ++digit) {
      count_digit<<<blocks, cuda::kThreads, 0, device.stream()>>>(search, label, probability, pixels, rule,
                                                                  digit);
      GRAPHRUN_TRY(cuda::check_launch("hard_label"));
      choose_digit<<<1, cuda::kThreads, 0, device.stream()>>>(search, rule, digit);
      GRAPHRUN_TRY(cuda::check_launch("hard_label"));
    }
    const KeepHard keep{search, label, probability, io.outputs[0].as<int32_t>(), rule.ignore};
    return cuda::for_each(device.stream(), pixels, keep, "hard_label");
  };
  return make_function_kernel("cuda", static_cast<int64_t>(sizeof(Search)), run);
}

}  // namespace graphrun::ops::cross_entropy
