#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/cpu/parallel.h"

// Two sums for each channel over all pixels. Pixels are cut into at most kMaxPieces pieces, by their number
// alone; a piece adds runs of kRun pixels in f32 and the runs in f64; the pieces are added in their order.
// The bits do not depend on threads, and the error not on the size of the map.
namespace graphrun::ops::batch_norm {

class ChannelSums {
 public:
  static constexpr std::int64_t kRun = 64;
  static constexpr std::int64_t kMaxPieces = 64;

  ChannelSums(std::int64_t pixels, std::int64_t channels) : pixels_(pixels), channels_(channels) {
    const std::int64_t runs = (pixels + kRun - 1) / kRun;
    grain_ = (runs + kMaxPieces - 1) / kMaxPieces * kRun;
  }

  std::int64_t pieces() const { return cpu::piece_count(pixels_, grain_); }
  std::int64_t first_pixel(std::int64_t piece) const { return piece * grain_; }
  std::int64_t pixels_of(std::int64_t piece) const { return std::min(grain_, pixels_ - piece * grain_); }
  std::int64_t scratch_bytes() const { return pieces() * channels_ * kBytesPerChannel; }

  // add(piece, begin, end, first, second) adds the terms of pixels [begin, end), at most kRun, to the f32
  // sums first[c] and second[c].
  template <class Add>
  void accumulate(int threads, void* scratch, const Add& add) const {
    cpu::parallel_for(threads, pieces(), 1, [&](std::int64_t piece, std::int64_t) {
      double* const sums = of_piece(scratch, piece);
      float* const run = reinterpret_cast<float*>(sums + 2 * channels_);
      std::fill_n(sums, 2 * channels_, 0.0);
      const std::int64_t end = first_pixel(piece) + pixels_of(piece);
      for (std::int64_t begin = first_pixel(piece); begin < end; begin += kRun) {
        std::fill_n(run, 2 * channels_, 0.0f);
        add(piece, begin, std::min(begin + kRun, end), run, run + channels_);
        for (std::int64_t i = 0; i < 2 * channels_; ++i) sums[i] += static_cast<double>(run[i]);
      }
    });
  }

  // The sums of one piece: first[0..C), then second[0..C).
  double* of_piece(void* scratch, std::int64_t piece) const {
    return reinterpret_cast<double*>(static_cast<char*>(scratch) + piece * channels_ * kBytesPerChannel);
  }

 private:
  static constexpr std::int64_t kBytesPerChannel = 2 * sizeof(double) + 2 * sizeof(float);
  std::int64_t pixels_;
  std::int64_t channels_;
  std::int64_t grain_ = kRun;
};

}  // namespace graphrun::ops::batch_norm
