#include <omp.h>

#include <algorithm>
#include <cstddef>

#include "ops/attention/cpu_blocks.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/exp.h"

// With the weights P = exp(S - log_sum) of a block of queries and a block of keys (S = scale q k^T), which
// are computed again, and D the sum of gy * y over a query's channels (Dao et al. 2022, "FlashAttention",
// appendix B.2):
//
//   gv += P^T gy    G = P * (gy v^T - D)    gq += scale G k    gk += scale G^T q
//
// A task is a piece of the queries of one head. Sums over queries are kept apart for each piece and added in
// order, so that the bits depend on sizes alone.
namespace graphrun::ops::attention {
namespace {

// Enough tasks for many threads, without more memory for partial sums than queries take.
std::int64_t pieces_of(const Problem& p, std::int64_t blocks) {
  constexpr std::int64_t kTasks = 64, kFewest = 4;
  const std::int64_t wanted = (kTasks + p.of_heads() - 1) / p.of_heads();
  const std::int64_t most = std::max(kFewest, 2 * p.queries / p.keys);
  return std::min({wanted, most, blocks});
}

// Where things lie: in scratch, in bytes, and in a thread's room, in floats.
struct Layout {
  explicit Layout(const Problem& p)
      : width(round_up(p.width, kLanes)),
        value_width(round_up(p.value_width, kLanes)),
        keys(round_up(p.keys, kKeys)) {
    const std::int64_t blocks = (p.queries + kQueries - 1) / kQueries;
    piece = (blocks + pieces_of(p, blocks) - 1) / pieces_of(p, blocks);
    pieces = (blocks + piece - 1) / piece;
    ScratchPlan plan;
    const auto floats = [&plan](std::int64_t count) {
      return plan.add(count * static_cast<std::int64_t>(sizeof(float)));
    };
    key_columns_at = floats(p.of_heads() * keys * p.width);
    key_rows_at = floats(p.of_heads() * keys * width);
    value_columns_at = floats(p.of_heads() * keys * p.value_width);
    key_sums_at = floats(p.of_heads() * pieces * keys * width);
    value_sums_at = floats(p.of_heads() * pieces * keys * value_width);
    bytes = plan.bytes();
    weights_at = kQueries * kKeys;  // behind G
    queries_at = 2 * kQueries * kKeys;
    query_sums_at = queries_at + kQueries * width;
    gradients_at = query_sums_at + kQueries * width;
    work = gradients_at + kQueries * value_width;
  }
  std::int64_t width, value_width, keys;
  std::int64_t piece = 0, pieces = 0;  // blocks of queries in a piece, pieces of a head
  std::int64_t key_columns_at = 0, key_rows_at = 0, value_columns_at = 0, key_sums_at = 0, value_sums_at = 0;
  std::int64_t bytes = 0;
  std::int64_t weights_at = 0, queries_at = 0, query_sums_at = 0, gradients_at = 0, work = 0;
};

template <class T>
struct Backward {
  Problem p;
  Layout layout;
  TensorView gy, q, k, v, y;
  const float* log_sum;   // by head and query
  const float* glog_sum;  // null: none
  TensorView gq, gk, gv;
  float* key_columns;  // by head, by block of keys: (width, kKeys), scaled
  float* key_rows;     // by head: (keys, width), scaled
  float* value_columns;
  float* key_sums;  // by head, by piece: (keys, width)
  float* value_sums;
};

// An index is a block of keys of one head.
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void pack(const Backward<T>& b, std::int64_t begin, std::int64_t end) {
  const std::int64_t blocks = b.layout.keys / kKeys;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t first = i % blocks * kKeys;
    const auto keys = pixels_of<const T>(b.k, b.p, i / blocks, first, kKeys);
    const auto values = pixels_of<const T>(b.v, b.p, i / blocks, first, kKeys);
    load_columns(keys, b.p.scale, b.key_columns + i * kKeys * b.p.width);
    load_rows(keys, b.p.scale, kKeys, b.layout.width, b.key_rows + i * kKeys * b.layout.width);
    load_columns(values, 1.0f, b.value_columns + i * kKeys * b.p.value_width);
  }
}

// Makes weights and G of one query from its scores and gy v^T.
[[gnu::always_inline]] inline void differentiate(float* scores, float* products, std::int64_t count,
                                                 float log_sum, float along) {
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) {
    scores[j] = numeric::exp_float(scores[j] - log_sum);
    products[j] = scores[j] * (products[j] - along);
  }
  for (std::int64_t j = count; j < round_up(count, kLanes); ++j) scores[j] = products[j] = 0;
}

template <class T>
[[gnu::always_inline]] inline float dot(const T* a, const T* b, std::int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < count; ++c) sum += static_cast<float>(a[c]) * static_cast<float>(b[c]);
  return sum;
}

// A block of queries with all keys; `key_sums` and `value_sums` are the piece's.
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void backward_block(const Backward<T>& b, std::int64_t head,
                                                   std::int64_t first, float* work, float* key_sums,
                                                   float* value_sums) {
  const Problem& p = b.p;
  const Layout& l = b.layout;
  float* const products = work;
  float* const weights = work + l.weights_at;
  float* const queries = work + l.queries_at;
  float* const query_sums = work + l.query_sums_at;
  float* const gradients = work + l.gradients_at;
  const auto q = pixels_of<const T>(b.q, p, head, first, kQueries);
  const auto gy = pixels_of<const T>(b.gy, p, head, first, kQueries);
  const auto y = pixels_of<const T>(b.y, p, head, first, kQueries);
  const std::int64_t rows = round_up(q.count, kRowsOfTile);
  load_rows(q, 1.0f, rows, l.width, queries);
  load_rows(gy, 1.0f, rows, l.value_width, gradients);
  std::fill_n(query_sums, rows * l.width, 0.0f);
  float along[kQueries] = {}, log_sums[kQueries] = {};
  for (std::int64_t i = 0; i < q.count; ++i) {
    const std::int64_t query = head * p.queries + first + i;
    along[i] = dot(gy.data + i * gy.stride, y.data + i * y.stride, p.value_width);
    if (b.glog_sum != nullptr) along[i] -= b.glog_sum[query];
    log_sums[i] = b.log_sum[query];
  }
  for (std::int64_t key = 0; key < p.keys; key += kKeys) {
    const std::int64_t count = std::min(kKeys, p.keys - key), padded = round_up(count, kLanes);
    const std::int64_t at = head * l.keys + key;
    multiply(rows, padded, p.width, {queries, l.width, 1}, b.key_columns + at * p.width, kKeys, false,
             weights, kKeys);
    multiply(rows, padded, p.value_width, {gradients, l.value_width, 1}, b.value_columns + at * p.value_width,
             kKeys, false, products, kKeys);
    for (std::int64_t i = 0; i < rows; ++i)
      differentiate(weights + i * kKeys, products + i * kKeys, count, log_sums[i], along[i]);
    multiply(padded, l.value_width, rows, {weights, 1, kKeys}, gradients, l.value_width, true,
             value_sums + key * l.value_width, l.value_width);
    multiply(padded, l.width, rows, {products, 1, kKeys}, queries, l.width, true, key_sums + key * l.width,
             l.width);
    multiply(rows, l.width, padded, {products, kKeys, 1}, b.key_rows + at * l.width, l.width, true,
             query_sums, l.width);
  }
  if (b.gq.data != nullptr) store_rows(query_sums, l.width, pixels_of<T>(b.gq, p, head, first, kQueries));
}

template <class T>
void backward_piece(const Backward<T>& b, std::int64_t index, float* work) {
  const Layout& l = b.layout;
  float* const key_sums = b.key_sums + index * l.keys * l.width;
  float* const value_sums = b.value_sums + index * l.keys * l.value_width;
  std::fill_n(key_sums, l.keys * l.width, 0.0f);
  std::fill_n(value_sums, l.keys * l.value_width, 0.0f);
  const std::int64_t begin = index % l.pieces * l.piece * kQueries;
  const std::int64_t end = std::min(begin + l.piece * kQueries, b.p.queries);
  for (std::int64_t first = begin; first < end; first += kQueries)
    backward_block(b, index / l.pieces, first, work, key_sums, value_sums);
}

// Pieces of some pixels into the first one, and from there to the gradient.
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void add_pieces(float* sums, std::int64_t pieces, std::int64_t piece,
                                               std::int64_t padded, float factor, Pixels<T> to) {
  const std::int64_t count = to.count * padded;
  for (std::int64_t i = 1; i < pieces; ++i) {
    for (std::int64_t c = 0; c < count; ++c) sums[c] += sums[i * piece + c];
  }
  for (std::int64_t c = 0; c < count; ++c) sums[c] *= factor;
  store_rows(sums, padded, to);
}

// An index is a block of keys of one head.
template <class T>
void finish(const Backward<T>& b, std::int64_t index) {
  const Layout& l = b.layout;
  const std::int64_t blocks = l.keys / kKeys, head = index / blocks, first = index % blocks * kKeys;
  const auto add = [&](const TensorView& to, float* sums, std::int64_t width, float factor) {
    if (to.data == nullptr) return;
    add_pieces(sums + (head * l.pieces * l.keys + first) * width, l.pieces, l.keys * width, width, factor,
               pixels_of<T>(to, b.p, head, first, kKeys));
  };
  add(b.gk, b.key_sums, l.width, b.p.scale);
  add(b.gv, b.value_sums, l.value_width, 1.0f);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const Problem p = problem_of(request.attrs, request.inputs[1], request.inputs[2], request.inputs[3]);
  const Layout layout(p);
  ScratchPlan scratch;
  scratch.add(layout.bytes);
  const std::int64_t work_at =
      scratch.add(request.threads * layout.work * static_cast<std::int64_t>(sizeof(float)));
  return make_function_kernel(
      "attention_grad", scratch.bytes(),
      [p, layout, work_at, threads = request.threads](const KernelRun& run) {
        const auto& in = run.inputs;
        const auto at = [&run](std::int64_t offset) { return scratch_at<float>(run.scratch, offset); };
        const Backward<T> b{p,
                            layout,
                            in[0],
                            in[1],
                            in[2],
                            in[3],
                            in[4],
                            in[5].as<const float>(),
                            in[6].as<const float>(),
                            run.outputs[0],
                            run.outputs[1],
                            run.outputs[2],
                            at(layout.key_columns_at),
                            at(layout.key_rows_at),
                            at(layout.value_columns_at),
                            at(layout.key_sums_at),
                            at(layout.value_sums_at)};
        const std::int64_t key_blocks = p.of_heads() * layout.keys / kKeys;
        cpu::parallel_for(threads, key_blocks, 1,
                          [&](std::int64_t begin, std::int64_t end) { pack(b, begin, end); });
        cpu::parallel_for(threads, p.of_heads() * layout.pieces, 1, [&](std::int64_t index, std::int64_t) {
          backward_piece(b, index, at(work_at) + omp_get_thread_num() * layout.work);
        });
        cpu::parallel_for(threads, key_blocks, 1,
                          [&](std::int64_t index, std::int64_t) { finish(b, index); });
      });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"attention_grad", "cpu", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare<T>(request); });
           }}};
}

}  // namespace graphrun::ops::attention
