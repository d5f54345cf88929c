#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

// Loops over the one OpenMP pool that oneDNN uses too. Nothing here depends on how many threads there are:
// work is cut into pieces by size alone, so results are the same bits for any number of threads.
namespace graphrun::cpu {

// body(begin, end) over pieces of at most `grain` indices of [0, count). Pieces may run in any order at once.
template <class Body>
void parallel_for(int threads, std::int64_t count, std::int64_t grain, const Body& body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = (count + grain - 1) / grain;
  if (threads <= 1 || pieces == 1) {
    for (std::int64_t piece = 0; piece < pieces; ++piece)
      body(piece * grain, std::min(count, (piece + 1) * grain));
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::int64_t piece = 0; piece < pieces; ++piece)
    body(piece * grain, std::min(count, (piece + 1) * grain));
}

// The number of pieces that parallel_for makes: partial results of a reduction are kept one per piece and
// summed in the order of the pieces.
constexpr std::int64_t piece_count(std::int64_t count, std::int64_t grain) {
  return (count + grain - 1) / std::max<std::int64_t>(grain, 1);
}

}  // namespace graphrun::cpu
