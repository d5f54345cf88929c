#include <algorithm>
#include <cstring>

#include "ops/common/activation.h"
#include "ops/conv2d/cpu_training_kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// conv2d_grad_weight as one matrix product a tap: the sum over pixels of gy transposed times x moved by the
// tap. Faster than the library's own gradient where there are enough channels. The bits of the result depend
// on the number of threads only where that is more than 4 and the library splits the sum of a small product.
namespace graphrun::ops::conv2d {
namespace {

// Pixels of an activation as the rows of a matrix.
struct Rows {
  const float* data;
  std::int64_t stride;  // elements from pixel to pixel
  std::int64_t image;   // pixels from image to image
};

// Output indices [begin, end) of one axis whose window position `tap` lies inside the input.
struct Range {
  std::int64_t begin, end;
  std::int64_t count() const { return std::max<std::int64_t>(end - begin, 0); }
};

Range inside(std::int64_t offset, std::int64_t stride, std::int64_t in, std::int64_t out) {
  const std::int64_t begin = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const std::int64_t end = in - 1 - offset < 0 ? 0 : (in - 1 - offset) / stride + 1;
  return {std::min(begin, out), std::min(end, out)};
}

// A grid of pixels that is taken out of an activation; what lies outside of it is zero.
struct Grid {
  std::int64_t first_row, row_step, rows;
  std::int64_t first_column, column_step, columns;
};

void gather(const TensorView& from, const Grid& grid, float* to, int threads) {
  const TensorDesc& d = from.desc;
  const std::int64_t c = d.c();
  const std::size_t bytes = static_cast<std::size_t>(c) * sizeof(float);
  cpu::parallel_for(threads, d.n() * grid.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = grid.first_row + i % grid.rows * grid.row_step;
      const float* const line =
          from.as<const float>() + (i / grid.rows * d.h() + row) * d.w() * d.pixel_stride;
      float* pixel = to + i * grid.columns * c;
      for (std::int64_t j = 0; j < grid.columns; ++j, pixel += c) {
        const std::int64_t column = grid.first_column + j * grid.column_step;
        if (column >= 0 && column < d.w())
          std::memcpy(pixel, line + column * d.pixel_stride, bytes);
        else
          std::memset(pixel, 0, bytes);
      }
    }
  });
}

// (taps, m, n) to (o, c, taps), where (m, n) is (o, c), or (c, o) when `exchanged`.
struct Untangle {
  std::int64_t o, c, taps;
  bool exchanged;
  const float* from;
  float* to;
};

GRAPHRUN_SIMD void scatter_taps(const Untangle& u, std::int64_t begin, std::int64_t end) {
  const std::int64_t row = u.exchanged ? 1 : u.c;
  const std::int64_t column = u.exchanged ? u.o : 1;
  for (std::int64_t c = 0; c < u.c; ++c) {
    for (std::int64_t k = 0; k < u.taps; ++k) {
      for (std::int64_t o = begin; o < end; ++o)
        u.to[(o * u.c + c) * u.taps + k] = u.from[k * u.o * u.c + o * row + c * column];
    }
  }
}

class Products final : public Kernel {
 public:
  Products(const KernelRequest& request, const Geometry& g) : g_(g), threads_(request.threads) {
    exchanged_ = g.o > g.c;
    ScratchPlan scratch;
    std::int64_t x_pixels = 0;
    std::int64_t gy_pixels = 0;
    for (std::int64_t l = 0; l < g.kw; ++l) {
      const std::int64_t columns = columns_of(l).count();
      if (!x_in_place(l)) x_pixels = std::max(x_pixels, g.n * (g.sh == 1 ? g.h : g.oh) * columns);
      if (columns != g.ow) gy_pixels = std::max(gy_pixels, g.n * g.oh * columns);
    }
    constexpr auto kSize = static_cast<std::int64_t>(sizeof(float));
    x_at_ = scratch.add(x_pixels * g.c * kSize);
    gy_at_ = scratch.add(gy_pixels * g.o * kSize);
    if (needs_untangling()) taps_at_ = scratch.add(g.kernel_positions() * g.o * g.c * kSize);
    bias_ = request.output_present[1];
    if (bias_) bias_at_ = scratch.add(bias_scratch_bytes(request.inputs[0]));
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "products"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  Status run(const KernelRun& run) override;

 private:
  // The output columns that take part in a column of taps: all, with zeros where x ends, unless that is much
  // more than those that read x.
  Range columns_of(std::int64_t l) const {
    const Range valid = inside(l * g_.dw - g_.pw, g_.sw, g_.w, g_.ow);
    return valid.count() * 8 <= g_.ow * 7 ? valid : Range{0, g_.ow};
  }
  bool x_in_place(std::int64_t l) const {
    return g_.sh == 1 && g_.sw == 1 && g_.ow == g_.w && l * g_.dw == g_.pw;
  }
  bool needs_untangling() const { return g_.kernel_positions() > 1 || exchanged_; }
  Status multiply(const Rows& gy, const Rows& x, std::int64_t count, float* to) const;

  Geometry g_;
  int threads_;
  bool exchanged_ = false;  // products are (c, o): the library is faster on wide results than on tall ones
  bool bias_ = false;
  std::int64_t x_at_ = 0, gy_at_ = 0, taps_at_ = 0, bias_at_ = 0;
  std::int64_t scratch_bytes_ = 0;
};

// The products over `count` pixels of each image.
Status Products::multiply(const Rows& gy, const Rows& x, std::int64_t count, float* to) const {
  const Rows& tall = exchanged_ ? x : gy;
  const Rows& wide = exchanged_ ? gy : x;
  const std::int64_t m = exchanged_ ? g_.c : g_.o;
  const std::int64_t n = exchanged_ ? g_.o : g_.c;
  if (count <= 0) {
    std::fill_n(to, m * n, 0.0f);
    return {};
  }
  const bool merged = count == gy.image && count == x.image;
  for (std::int64_t image = 0; image < (merged ? 1 : g_.n); ++image) {
    const cpu::MatrixProduct product{.m = m,
                                     .n = n,
                                     .k = merged ? g_.n * count : count,
                                     .a = {tall.data + image * tall.image * tall.stride, tall.stride, true},
                                     .b = {wide.data + image * wide.image * wide.stride, wide.stride},
                                     .beta = image == 0 ? 0.0f : 1.0f};
    GRAPHRUN_TRY(cpu::matrix_product(product, to, n, threads_));
  }
  return {};
}

Status Products::run(const KernelRun& run) {
  const TensorView& gy = run.inputs[0];
  const TensorView& x = run.inputs[1];
  float* const gweight = run.outputs[0].as<float>();
  float* const taps = needs_untangling() ? scratch_at<float>(run.scratch, taps_at_) : gweight;
  for (std::int64_t l = 0; l < g_.kw && gweight != nullptr; ++l) {
    const Range columns = columns_of(l);
    const std::int64_t first_column = columns.begin * g_.sw + l * g_.dw - g_.pw;
    Rows gy_rows{gy.as<const float>(), gy.desc.pixel_stride, g_.oh * g_.ow};
    if (columns.count() != g_.ow) {
      float* const packed = scratch_at<float>(run.scratch, gy_at_);
      gather(gy, {0, 1, g_.oh, columns.begin, 1, columns.count()}, packed, threads_);
      gy_rows = {packed, g_.o, g_.oh * columns.count()};
    }
    Rows x_rows{x.as<const float>(), x.desc.pixel_stride, g_.h * g_.w};
    float* const packed = scratch_at<float>(run.scratch, x_at_);
    if (g_.sh == 1 && !x_in_place(l)) {
      gather(x, {0, 1, g_.h, first_column, g_.sw, columns.count()}, packed, threads_);
      x_rows = {packed, g_.c, g_.h * columns.count()};
    }
    for (std::int64_t k = 0; k < g_.kh; ++k) {
      const std::int64_t offset = k * g_.dh - g_.ph;
      const Range rows = inside(offset, g_.sh, g_.h, g_.oh);
      const std::int64_t first_row = rows.begin * g_.sh + offset;
      Rows from = x_rows;
      if (g_.sh != 1) {
        gather(x, {first_row, g_.sh, rows.count(), first_column, g_.sw, columns.count()}, packed, threads_);
        from = {packed, g_.c, rows.count() * columns.count()};
      } else {
        from.data += first_row * columns.count() * from.stride;
      }
      Rows to = gy_rows;
      to.data += rows.begin * columns.count() * to.stride;
      GRAPHRUN_TRY(multiply(to, from, rows.count() * columns.count(), taps + (k * g_.kw + l) * g_.o * g_.c));
    }
  }
  if (gweight != nullptr && needs_untangling()) {
    const Untangle all{g_.o, g_.c, g_.kernel_positions(), exchanged_, taps, gweight};
    cpu::parallel_for(threads_, g_.o, 16,
                      [&](std::int64_t begin, std::int64_t end) { scatter_taps(all, begin, end); });
  }
  if (bias_) sum_pixels(gy, run.outputs[1].as<float>(), scratch_at<double>(run.scratch, bias_at_), threads_);
  return {};
}

}  // namespace

Prepared prepare_grad_weight_products(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const Geometry g = geometry_of(request.attrs, request.inputs[1], request.inputs[0]);
  GRAPHRUN_TRY(require_one_group(g));
  // Measured over the layers of dilated ResNets with oneDNN 2.6 on AVX-512.
  const std::int64_t enough = g.kernel_positions() == 1 ? 32 : 128;
  if (std::min(g.c, g.o) < enough) return {ErrorCode::declined, "too few channels for matrix products"};
  return std::unique_ptr<Kernel>(std::make_unique<Products>(request, g));
}

}  // namespace graphrun::ops::conv2d
