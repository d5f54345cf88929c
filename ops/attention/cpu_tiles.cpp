#include "ops/attention/cpu_tiles.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/attention/cpu_blocks.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/cpu/tiles.h"

// As cpu.cpp has it, with both products by the CPU's matrix units: scores of bf16 queries and keys, which are
// exact products summed in f32, and averages by weights that are rounded to bf16. The softmax is f32's.
namespace graphrun::ops::attention {
namespace {

using cpu::kTileColumns;
using cpu::kTileTerms;
using cpu::kTileValues;
static_assert(kQueries == cpu::kTileRows && kKeys % kTileTerms == 0);

// Where things lie: in scratch, and in a thread's room, both in bytes.
struct Layout {
  explicit Layout(const Problem& p)
      : width(round_up(p.width, kTileTerms)),
        value_width(round_up(p.value_width, kTileColumns)),
        keys(round_up(p.keys, kKeys)),
        blocks((p.queries + kQueries - 1) / kQueries) {
    ScratchPlan plan;
    const auto halves = [&plan](std::int64_t count) {
      return plan.add(count * static_cast<std::int64_t>(sizeof(BFloat16)));
    };
    keys_at = halves(p.of_heads() * keys * width);
    values_at = halves(p.of_heads() * keys * value_width);
    bytes = plan.bytes();
    ScratchPlan room;
    scores_at = room.add(kQueries * kKeys * static_cast<std::int64_t>(sizeof(float)));
    result_at = room.add(kQueries * value_width * static_cast<std::int64_t>(sizeof(float)));
    weights_at = room.add(kQueries * kKeys * static_cast<std::int64_t>(sizeof(BFloat16)));
    queries_at = room.add(kQueries * width * static_cast<std::int64_t>(sizeof(BFloat16)));
    work = room.bytes();
  }
  std::int64_t width, value_width, keys, blocks;
  std::int64_t keys_at = 0, values_at = 0, bytes = 0;
  std::int64_t scores_at = 0, result_at = 0, weights_at = 0, queries_at = 0, work = 0;
};

// Tiles have pairs of terms, which are moved as one number. Tiles that no product reads are left as they are.
using Pair = std::uint32_t;
static_assert(sizeof(Pair) == 2 * sizeof(BFloat16));

struct Forward {
  Problem p;
  Layout layout;
  TensorView q, k, v, y;
  float* log_sum;  // by head and query; null: unwanted
  Pair* keys;      // by head, by 16 keys, by 32 channels: tiles
  Pair* values;    // by head, by 32 keys, by 16 channels: tiles
};

Pair pair_of(const BFloat16* first, const BFloat16* second) {
  std::uint16_t low = 0, high = 0;
  if (first != nullptr) std::memcpy(&low, first, sizeof low);
  if (second != nullptr) std::memcpy(&high, second, sizeof high);
  return low | Pair{high} << 16;
}

// Pairs of channels of a key, one below the other in a column of its tiles.
void pack_keys(const Pixels<const BFloat16>& from, std::int64_t padded, Pair* to) {
  const std::int64_t whole = from.width / 2;
  for (std::int64_t key = 0; key < round_up(from.count, kTileColumns); ++key) {
    Pair* const column = to + key / kTileColumns * kTileColumns * padded / 2 + key % kTileColumns;
    const bool is_there = key < from.count;
    const BFloat16* const pixel = from.data + (is_there ? key : 0) * from.stride;
    for (std::int64_t c = 0; c < padded / 2; ++c) {
      Pair pair = 0;
      if (is_there && c < whole) std::memcpy(&pair, pixel + 2 * c, sizeof pair);
      if (is_there && c == whole && from.width % 2 == 1) pair = pair_of(pixel + 2 * c, nullptr);
      column[c * kTileColumns] = pair;
    }
  }
}

// Pairs of keys, one row of tiles for each.
void pack_values(const Pixels<const BFloat16>& from, std::int64_t padded, Pair* to) {
  for (std::int64_t key = 0; key < round_up(from.count, kTileTerms); key += 2) {
    Pair* const row = to + key / kTileTerms * kTileTerms * padded / 2 + key % kTileTerms / 2 * kTileColumns;
    const BFloat16* const first = key < from.count ? from.data + key * from.stride : nullptr;
    const BFloat16* const second = key + 1 < from.count ? first + from.stride : nullptr;
    for (std::int64_t c = 0; c < padded; c += kTileColumns) {
      Pair* const tile = row + c / kTileColumns * kTileValues / 2;
      const std::int64_t count =
          first == nullptr ? 0 : std::clamp<std::int64_t>(from.width - c, 0, kTileColumns);
      for (std::int64_t i = 0; i < count; ++i)
        tile[i] = pair_of(first + c + i, second != nullptr ? second + c + i : nullptr);
      std::fill(tile + count, tile + kTileColumns, Pair{0});
    }
  }
}

// An index is a block of keys of one head.
void pack(const Forward& f, std::int64_t index) {
  const Layout& l = f.layout;
  const std::int64_t blocks = l.keys / kKeys, first = index % blocks * kKeys;
  pack_keys(pixels_of<const BFloat16>(f.k, f.p, index / blocks, first, kKeys), l.width,
            f.keys + index * kKeys * l.width / 2);
  pack_values(pixels_of<const BFloat16>(f.v, f.p, index / blocks, first, kKeys), l.value_width,
              f.values + index * kKeys * l.value_width / 2);
}

// Scores of a block to weights, in f32 and then in bf16.
[[gnu::flatten]] GRAPHRUN_SIMD void weigh_block(float scale, std::int64_t count, float* scores,
                                                BFloat16* weights, float* max, float* sum, float* result,
                                                std::int64_t result_row) {
  const std::int64_t padded = round_up(count, kTileTerms);
  for (std::int64_t i = 0; i < kQueries; ++i, scores += kKeys, weights += kKeys, result += result_row) {
    for (std::int64_t j = 0; j < count; ++j) scores[j] *= scale;
    weigh(scores, count, max[i], sum[i], result, result_row);
    for (std::int64_t j = round_up(count, kLanes); j < padded; ++j) scores[j] = 0;
    for (std::int64_t j = 0; j < padded; j += kLanes) {
      cpu::Lanes<kLanes> value;
      cpu::Lanes<kLanes>::load(scores + j, value);
      cpu::Lanes<kLanes>::store(value, weights + j);
    }
  }
}

[[gnu::flatten]] GRAPHRUN_SIMD void finish(float* result, const float* sum, std::int64_t padded,
                                           const Pixels<BFloat16>& to) {
  for (std::int64_t i = 0; i < to.count; ++i) {
    const float inverse = 1.0f / sum[i];
    for (std::int64_t c = 0; c < padded; ++c) result[i * padded + c] *= inverse;
  }
  store_rows(result, padded, to);
}

void load_queries(const Pixels<const BFloat16>& from, std::int64_t padded, BFloat16* to) {
  for (std::int64_t i = 0; i < kQueries; ++i, to += padded) {
    const std::int64_t width = i < from.count ? from.width : 0;
    if (width > 0) std::copy_n(from.data + i * from.stride, width, to);
    std::fill(to + width, to + padded, BFloat16(0.0f));
  }
}

// An index is a block of queries of one head.
void attend(const Forward& f, std::int64_t index, void* room) {
  const Problem& p = f.p;
  const Layout& l = f.layout;
  auto* const scores = scratch_at<float>(room, l.scores_at);
  auto* const result = scratch_at<float>(room, l.result_at);
  auto* const weights = scratch_at<BFloat16>(room, l.weights_at);
  auto* const queries = scratch_at<BFloat16>(room, l.queries_at);
  const std::int64_t head = index / l.blocks, first = index % l.blocks * kQueries;
  load_queries(pixels_of<const BFloat16>(f.q, p, head, first, kQueries), l.width, queries);
  std::fill_n(result, kQueries * l.value_width, 0.0f);
  float max[kQueries], sum[kQueries];
  std::fill_n(max, kQueries, -std::numeric_limits<float>::infinity());
  std::fill_n(sum, kQueries, 0.0f);
  const cpu::TileScope scope;
  for (std::int64_t key = 0; key < p.keys; key += kKeys) {
    const std::int64_t count = std::min(kKeys, p.keys - key);
    const cpu::Tiles keys{f.keys + (head * l.keys + key) * l.width / 2, kTileColumns * l.width, kTileValues};
    cpu::multiply_tiles((count + kTileColumns - 1) / kTileColumns, l.width / kTileTerms, queries, l.width,
                        keys, false, scores, kKeys);
    weigh_block(p.scale, count, scores, weights, max, sum, result, l.value_width);
    const cpu::Tiles values{f.values + (head * l.keys + key) * l.value_width / 2, kTileValues,
                            kTileTerms * l.value_width};
    cpu::multiply_tiles(l.value_width / kTileColumns, (count + kTileTerms - 1) / kTileTerms, weights, kKeys,
                        values, true, result, l.value_width);
  }
  const auto y = pixels_of<BFloat16>(f.y, p, head, first, kQueries);
  for (std::int64_t i = 0; f.log_sum != nullptr && i < y.count; ++i)
    f.log_sum[head * p.queries + first + i] = max[i] + std::log(sum[i]);
  finish(result, sum, l.value_width, y);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_tiles(const KernelRequest& request) {
  if (!cpu::has_tiles()) return {ErrorCode::declined, "wants matrix units"};
  for (const TensorDesc& desc :
       {request.inputs[0], request.inputs[1], request.inputs[2], request.outputs[0]}) {
    if (desc.dtype != DType::bf16) return {ErrorCode::declined, "multiplies bf16 only"};
  }
  const Problem p = problem_of(request.attrs, request.inputs[0], request.inputs[1], request.inputs[2]);
  const Layout layout(p);
  ScratchPlan scratch;
  scratch.add(layout.bytes);
  const std::int64_t work_at = scratch.add(request.threads * layout.work);
  return make_function_kernel(
      "attention_tiles", scratch.bytes(),
      [p, layout, work_at, threads = request.threads](const KernelRun& run) {
        const Forward f{p,
                        layout,
                        run.inputs[0],
                        run.inputs[1],
                        run.inputs[2],
                        run.outputs[0],
                        run.outputs[1].as<float>(),
                        scratch_at<Pair>(run.scratch, layout.keys_at),
                        scratch_at<Pair>(run.scratch, layout.values_at)};
        cpu::parallel_for(threads, p.of_heads() * layout.keys / kKeys, 1,
                          [&](std::int64_t index, std::int64_t) { pack(f, index); });
        cpu::parallel_for(threads, p.of_heads() * layout.blocks, 1, [&](std::int64_t index, std::int64_t) {
          attend(f, index, scratch_at<std::byte>(run.scratch, work_at + omp_get_thread_num() * layout.work));
        });
      });
}

}  // namespace graphrun::ops::attention
