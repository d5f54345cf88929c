#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "ops/conv2d/frame.h"
#include "runtime/cpu/tile_products.h"

// Convolutions by the CPU's matrix units, of bytes and of bf16.
//
// A block is 32 pixels of a row of y by 32 channels (a panel). Its sums stay in the units' registers over all
// terms. Those are, for each row of the window, its columns and channels: as one run of bytes where x has few
// channels, the last step's rest against weights of 0; else by 64 bytes of a pixel, and for each of these the
// columns, so that pixels read for one column are in the nearest cache for the next.
//
// Pixels of a window of 1x1 are taken from x as they lie, all of them as one row where there are no strides.
// Other windows read a copy in a frame. Its pixels lie an odd number of 64 bytes apart: with a power of two
// the 32 of a block share a few sets of the cache. Rows of the window that lie in the padding are left out
// where x's zero is 0.
//
// Where the weights fit into a core's cache, a thread takes a block of pixels through all panels: y is
// written as it lies in memory. Where they do not, it takes panels through as many blocks as fit there.
namespace graphrun::ops::conv2d {

// How blocks are taken from x.
struct TileForm {
  struct Range {
    std::int64_t begin, end;
  };

  Geometry g;
  cpu::TileType type = cpu::TileType::bytes;
  std::uint8_t zero = 0;               // that stands for 0 in x
  Frame frame{};                       // of windows above 1x1
  std::int64_t x_step = 0;             // bytes from pixel to pixel of what blocks read
  std::int64_t rows = 0, columns = 0;  // of y as blocks see it
  std::int64_t row_blocks = 0;
  bool by_run = false;                // terms are runs of bytes
  std::vector<std::int64_t> steps{};  // bytes from a pixel to the run of each; row after row of the window

  std::int64_t size() const { return type == cpu::TileType::bytes ? 1 : 2; }
  // Rows of the window that row `row` of y's image needs.
  Range window_rows(std::int64_t row) const;
  std::int64_t row_steps() const { return std::ssize(steps) / g.kh; }
  std::int64_t blocks() const { return rows * row_blocks; }
  std::int64_t panels() const { return g.o / cpu::kTileChannels; }
  std::int64_t panel_bytes() const { return std::ssize(steps) * cpu::kTileStep; }
};

// Declines what has no blocks; the operands' types are the caller's to check.
Result<TileForm> tile_form(const KernelRequest& request, cpu::TileType type);

// What becomes of sums, but for their channels.
struct TileEnds {
  float low = 0, residual_factor = 1;
};

// Without constants, which kernels put into `packed`: the weights by pack_panels(), then, each on cache lines
// of its own, shifts and, of bytes, factors (see cpu::TileResult).
class TileKernel : public Kernel {
 public:
  TileKernel(const KernelRequest& request, TileForm form, TileEnds ends, const std::string& key);
  std::string_view name() const override { return "tiles"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override {
    return weight_bytes_ + (has_factors() ? 2 : 1) * vector_bytes_;
  }
  std::string packed_key() const override { return key_; }
  Status run(const KernelRun& run) override;

 protected:
  const TileForm& form() const { return form_; }
  // `dense` are the weights as the variable has them (O, C, KH, KW), in x's type or s8.
  void pack_panels(std::span<const std::byte> dense, void* packed) const;
  float* shifts(void* packed) const;
  float* factors(void* packed) const;  // of bytes alone

 private:
  bool has_factors() const { return form_.type == cpu::TileType::bytes; }
  struct Operands {
    const std::byte* x;  // of the frame, where there is one
    TensorView y, residual;
    const std::byte* packed;
  };
  void multiply(const Operands& operands, std::int64_t block, std::int64_t panel,
                cpu::TileProducts& products) const;
  void by_blocks(const Operands& operands) const;
  void by_panels(const Operands& operands) const;

  TileForm form_;
  TileEnds ends_;
  TensorDesc from_;
  int threads_;
  std::int64_t weight_bytes_, vector_bytes_;
  std::int64_t scratch_bytes_ = 0;
  std::string key_;
};

}  // namespace graphrun::ops::conv2d
