#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/attention/cpu_blocks.h"
#include "ops/attention/cpu_tiles.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// A task is a block of queries of one head. It walks over blocks of keys with a running maximum and sum for
// each query (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"), so that it needs
// room for kQueries x kKeys weights alone. Keys and values are turned into f32 once for all tasks.
namespace graphrun::ops::attention {
namespace {

// Where things lie in scratch, in floats from its start.
struct Layout {
  explicit Layout(const Problem& p)
      : width(round_up(p.width, kLanes)),
        value_width(round_up(p.value_width, kLanes)),
        keys(round_up(p.keys, kKeys)),
        blocks((p.queries + kQueries - 1) / kQueries) {
    ScratchPlan plan;
    constexpr auto kSize = static_cast<std::int64_t>(sizeof(float));
    keys_at = plan.add(p.of_heads() * keys * p.width * kSize);
    values_at = plan.add(p.of_heads() * keys * value_width * kSize);
    queries_at = kQueries * kKeys;
    result_at = queries_at + kQueries * width;
    work = result_at + kQueries * value_width;
    bytes = plan.bytes();
  }
  std::int64_t width, value_width, keys, blocks;
  std::int64_t keys_at = 0, values_at = 0;     // bytes
  std::int64_t queries_at = 0, result_at = 0;  // floats in a thread's room, which begins with the weights
  std::int64_t work = 0;                       // floats of a thread's room
  std::int64_t bytes = 0;
};

template <class T>
struct Forward {
  Problem p;
  Layout layout;
  TensorView q, k, v, y;
  float* log_sum;  // by head and query; null: unwanted
  float* keys;     // by head, by block of keys: (width, kKeys), scaled
  float* values;   // by head: (keys, value_width)
};

// An index is a block of keys of one head.
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void pack(const Forward<T>& f, std::int64_t begin, std::int64_t end) {
  const std::int64_t blocks = f.layout.keys / kKeys;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t first = i % blocks * kKeys;
    load_columns(pixels_of<const T>(f.k, f.p, i / blocks, first, kKeys), f.p.scale,
                 f.keys + i * kKeys * f.p.width);
    load_rows(pixels_of<const T>(f.v, f.p, i / blocks, first, kKeys), 1.0f, kKeys, f.layout.value_width,
              f.values + i * kKeys * f.layout.value_width);
  }
}

// An index is a block of queries of one head.
template <class T>
void attend_block(const Forward<T>& f, std::int64_t index, float* work) {
  const Problem& p = f.p;
  const Layout& l = f.layout;
  float* const scores = work;
  float* const queries = work + l.queries_at;
  float* const result = work + l.result_at;
  const std::int64_t head = index / l.blocks;
  const std::int64_t first = index % l.blocks * kQueries;
  const Pixels<const T> from = pixels_of<const T>(f.q, p, head, first, kQueries);
  const std::int64_t rows = round_up(from.count, kRowsOfTile);
  load_rows(from, 1.0f, rows, l.width, queries);
  std::fill_n(result, rows * l.value_width, 0.0f);
  float max[kQueries], sum[kQueries];
  std::fill_n(max, kQueries, -std::numeric_limits<float>::infinity());
  std::fill_n(sum, kQueries, 0.0f);
  for (std::int64_t key = 0; key < p.keys; key += kKeys) {
    const std::int64_t count = std::min(kKeys, p.keys - key), padded = round_up(count, kLanes);
    multiply(rows, padded, p.width, {queries, l.width, 1}, f.keys + (head * l.keys + key) * p.width, kKeys,
             false, scores, kKeys);
    for (std::int64_t i = 0; i < rows; ++i)
      weigh(scores + i * kKeys, count, max[i], sum[i], result + i * l.value_width, l.value_width);
    multiply(rows, l.value_width, padded, {scores, kKeys, 1},
             f.values + (head * l.keys + key) * l.value_width, l.value_width, true, result, l.value_width);
  }
  for (std::int64_t i = 0; i < from.count; ++i) {
    const float inverse = 1.0f / sum[i];
    for (std::int64_t c = 0; c < l.value_width; ++c) result[i * l.value_width + c] *= inverse;
    if (f.log_sum != nullptr) f.log_sum[head * p.queries + first + i] = max[i] + std::log(sum[i]);
  }
  store_rows(result, l.value_width, pixels_of<T>(f.y, p, head, first, kQueries));
}
[[gnu::flatten]] GRAPHRUN_SIMD void attend(const Forward<float>& f, std::int64_t index, float* work) {
  attend_block(f, index, work);
}
[[gnu::flatten]] GRAPHRUN_SIMD_OF_HALVES void attend(const Forward<BFloat16>& f, std::int64_t index,
                                                     float* work) {
  attend_block(f, index, work);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const Problem p = problem_of(request.attrs, request.inputs[0], request.inputs[1], request.inputs[2]);
  const Layout layout(p);
  ScratchPlan scratch;
  scratch.add(layout.bytes);
  const std::int64_t work_at =
      scratch.add(request.threads * layout.work * static_cast<std::int64_t>(sizeof(float)));
  return make_function_kernel(
      "attention", scratch.bytes(), [p, layout, work_at, threads = request.threads](const KernelRun& run) {
        const Forward<T> f{p,
                           layout,
                           run.inputs[0],
                           run.inputs[1],
                           run.inputs[2],
                           run.outputs[0],
                           run.outputs[1].as<float>(),
                           scratch_at<float>(run.scratch, layout.keys_at),
                           scratch_at<float>(run.scratch, layout.values_at)};
        cpu::parallel_for(threads, p.of_heads() * layout.keys / kKeys, 1,
                          [&](std::int64_t begin, std::int64_t end) { pack(f, begin, end); });
        float* const work = scratch_at<float>(run.scratch, work_at);
        cpu::parallel_for(threads, p.of_heads() * layout.blocks, 1, [&](std::int64_t index, std::int64_t) {
          attend(f, index, work + omp_get_thread_num() * layout.work);
        });
      });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"attention", "tiles", prepare_tiles},
          {"attention", "cpu", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare<T>(request); });
           }}};
}

}  // namespace graphrun::ops::attention
