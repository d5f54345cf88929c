#include <algorithm>
#include <memory>
#include <vector>

#include "ops/conv2d/cpu_library.h"
#include "ops/conv2d/eight_bits.h"
#include "ops/conv2d/kernels.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/byte_tiles.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

// conv2d and conv2d_bn of u8 activations and s8 weights by the CPU's matrix units.
//
// A block is 32 pixels of a row of y by 32 channels (a panel). Its sums stay in the units' registers over all
// terms. Those are, for each row of the window, its columns and channels: as one run of bytes where x has few
// channels, the last step's rest against weights of 0; else by 64 channels, and for each of these the
// columns, so that pixels read for one column are in the nearest cache for the next.
//
// Pixels of a window of 1x1 are taken from x as they lie, all of them as one row where there are no strides.
// Other windows read a copy in a frame. Its pixels lie an odd number of 64 bytes apart: with a power of two
// the 32 of a block share a few sets of the cache. Rows of the window that lie in the padding are left out
// where x's zero point is 0.
//
// Where the weights fit into a core's cache, a thread takes a block of pixels through all panels: y is
// written as it lies in memory. Where they do not, it takes a panel through as many blocks as fit there.
namespace graphrun::ops::conv2d {
namespace {

using cpu::kByteChannels;
using cpu::kBytePixels;
using cpu::kByteStep;
using cpu::kByteTerms;

struct Range {
  std::int64_t begin, end;
};

struct TileForm {
  ByteForm bytes;
  Geometry g;
  Frame frame{};  // of windows above 1x1
  float low = 0;
  std::int64_t x_step = 0;             // bytes from pixel to pixel of what blocks read
  std::int64_t rows = 0, columns = 0;  // of y as blocks see it
  std::int64_t row_blocks = 0;
  bool by_run = false;                // terms are runs of bytes
  std::vector<std::int64_t> steps{};  // bytes from a pixel to the terms of each; row after row of the window

  // Rows of the window that row `row` of y's image needs.
  Range window_rows(std::int64_t row) const;
  std::int64_t row_steps() const { return std::ssize(steps) / g.kh; }
  std::int64_t blocks() const { return rows * row_blocks; }
  std::int64_t panels() const { return g.o / kByteChannels; }
  std::int64_t panel_bytes() const { return std::ssize(steps) * kByteStep; }
};

class ByteTiles final : public Kernel {
 public:
  ByteTiles(const KernelRequest& request, TileForm form)
      : form_(std::move(form)),
        from_(request.inputs[kX]),
        threads_(request.threads),
        weight_bytes_(form_.panels() * form_.panel_bytes()),
        vector_bytes_(core::whole_lines(form_.g.o * 4)) {
    ScratchPlan scratch;
    if (form_.frame) {
      // A block may begin at the last pixel, and a step at its last byte.
      const Frame& frame = form_.frame;
      const std::int64_t pixels = from_.n() * frame.height * frame.width + kBytePixels * form_.g.sw;
      scratch.add(pixels * frame.pixel_bytes + kByteTerms);
    }
    scratch_bytes_ = scratch.bytes();
    key_ = "byte tiles " + std::to_string(form_.g.o) + " " + std::to_string(form_.g.c) + " " +
           std::to_string(form_.g.kh) + " " + std::to_string(form_.g.kw) + form_.bytes.key();
  }
  std::string_view name() const override { return "byte_tiles"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::int64_t packed_bytes() const override { return weight_bytes_ + 2 * vector_bytes_; }
  std::string packed_key() const override { return key_; }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override;
  Status run(const KernelRun& run) override;

 private:
  struct Operands {
    const std::uint8_t* x;  // of the frame, where there is one
    TensorView y, residual;
    void* packed;
  };
  void multiply(const Operands& operands, std::int64_t block, std::int64_t panel,
                cpu::ByteProducts& products) const;
  void by_blocks(const Operands& operands) const;
  void by_panels(const Operands& operands) const;

  TileForm form_;
  TensorDesc from_;
  int threads_;
  std::int64_t weight_bytes_, vector_bytes_;  // packed: weights, factors, shifts
  std::int64_t scratch_bytes_ = 0;
  std::string key_;
};

Range TileForm::window_rows(std::int64_t row) const {
  if (bytes.x.zero_point != 0) return {0, g.kh};
  const std::int64_t top = row * g.sh - g.ph;
  const std::int64_t begin = top < 0 ? std::min((g.dh - 1 - top) / g.dh, g.kh) : 0;
  const std::int64_t left = g.h - 1 - top;  // rows from the window's first to x's last
  return {begin, left < 0 ? begin : std::clamp(left / g.dh + 1, begin, g.kh)};
}

// `dense` are a panel's weights as the variable has them.
void pack_panel(const TileForm& form, const std::int8_t* dense, std::int8_t* panel) {
  const Geometry& g = form.g;
  std::fill_n(panel, form.panel_bytes(), std::int8_t{0});
  for (std::int64_t o = 0; o < kByteChannels; ++o) {
    for (std::int64_t c = 0; c < g.c; ++c) {
      for (std::int64_t k = 0; k < g.kernel_positions(); ++k, ++dense) {
        const std::int64_t row = k / g.kw, column = k % g.kw;
        const std::int64_t in_run = column * g.c + c;
        const std::int64_t step = form.by_run ? in_run / kByteTerms : c / kByteTerms * g.kw + column;
        const std::int64_t term = (form.by_run ? in_run : c) % kByteTerms;
        panel[(row * form.row_steps() + step) * kByteStep + cpu::byte_weight_at(term, o)] = *dense;
      }
    }
  }
}

Status ByteTiles::pack_constants(std::span<const TensorView> inputs, void* packed) const {
  const Geometry& g = form_.g;
  const std::int64_t positions = g.kernel_positions();
  const auto* const given = inputs[kWeight].as<const std::int8_t>();
  std::vector<std::int8_t> dense(given, given + g.o * g.c * positions);
  auto* factors = scratch_at<float>(packed, weight_bytes_);
  auto* shifts = scratch_at<float>(packed, weight_bytes_ + vector_bytes_);
  for (const auto& [factor, shift] : fold_bytes(form_.bytes, inputs, dense)) {
    *factors++ = static_cast<float>(factor);
    *shifts++ = static_cast<float>(shift + 0.5);  // what is cut off afterwards is rounded
  }
  auto* const weights = static_cast<std::int8_t*>(packed);
  cpu::parallel_for(threads_, form_.panels(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel)
      pack_panel(form_, dense.data() + panel * kByteChannels * g.c * positions,
                 weights + panel * form_.panel_bytes());
  });
  return {};
}

void ByteTiles::multiply(const Operands& operands, std::int64_t block, std::int64_t panel,
                         cpu::ByteProducts& products) const {
  const Geometry& g = form_.g;
  const std::int64_t row = block / form_.row_blocks, column = block % form_.row_blocks * kBytePixels;
  const std::int64_t pixel = row * form_.columns + column, channel = panel * kByteChannels;
  const auto* const packed = static_cast<const std::int8_t*>(operands.packed);
  std::int64_t at = column * g.sw, first = 0;
  Range rows{0, g.kh};
  if (form_.frame) {
    rows = form_.window_rows(row % g.oh);
    const std::int64_t top = row % g.oh * g.sh + rows.begin * g.dh - g.ph + form_.frame.top;
    at += (row / g.oh * form_.frame.height + top) * form_.frame.width;
  } else {
    at += form_.rows > 1 ? (row / g.oh * g.h + row % g.oh * g.sh) * g.w : 0;
    // The block ends with x: it begins earlier, with pixels that are not written.
    const std::int64_t beyond = at + (kBytePixels - 1) * g.sw - (from_.pixels() - 1);
    first = beyond > 0 ? (beyond + g.sw - 1) / g.sw : 0;
    at -= first * g.sw;
  }
  const TensorView& y = operands.y;
  const TensorView& residual = operands.residual;
  cpu::ByteResult result{
      .y = y.as<std::uint8_t>() + pixel * y.desc.pixel_stride + channel,
      .y_step = y.desc.pixel_stride,
      .factors = reinterpret_cast<const float*>(packed + weight_bytes_) + channel,
      .shifts = reinterpret_cast<const float*>(packed + weight_bytes_ + vector_bytes_) + channel,
      .low = form_.low,
      .first = first,
      .end = first + std::min(kBytePixels, form_.columns - column)};
  if (residual.data != nullptr) {
    result.residual = residual.as<const std::uint8_t>() + pixel * residual.desc.pixel_stride + channel;
    result.residual_step = residual.desc.pixel_stride;
    result.residual_factor = form_.bytes.residual.scale / form_.bytes.y.scale;
  }
  products.multiply(
      {.x = operands.x + at * form_.x_step,
       .x_step = form_.x_step * g.sw,
       .steps = std::span(form_.steps)
                    .first(static_cast<std::size_t>((rows.end - rows.begin) * form_.row_steps())),
       .weights = packed + panel * form_.panel_bytes() + rows.begin * form_.row_steps() * kByteStep},
      result);
}

void ByteTiles::by_blocks(const Operands& operands) const {
  const std::int64_t panels = form_.panels(), count = form_.blocks() * panels;
  // Whole blocks of pixels, but where there are fewer than threads.
  const std::int64_t pieces = 4 * threads_;
  std::int64_t grain = (form_.blocks() + pieces - 1) / pieces * panels;
  if (form_.blocks() < threads_) grain = (count + threads_ - 1) / threads_;
  cpu::parallel_for(threads_, count, grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::ByteProducts products;
    for (std::int64_t i = begin; i < end; ++i) multiply(operands, i / panels, i % panels, products);
    products.finish();
  });
}

void ByteTiles::by_panels(const Operands& operands) const {
  constexpr std::int64_t kBytesOfBlocks = std::int64_t{768} << 10;
  const std::int64_t blocks = form_.blocks(), panels = form_.panels();
  const std::int64_t row_pixels = form_.frame ? form_.frame.width : form_.columns * form_.g.sw;
  const std::int64_t block_bytes = std::max<std::int64_t>(1, form_.x_step * row_pixels / form_.row_blocks);
  const std::int64_t most = std::max<std::int64_t>(1, kBytesOfBlocks / block_bytes);
  const std::int64_t rounds = (blocks + most * threads_ - 1) / (most * threads_);
  const std::int64_t chunk = (blocks + rounds * threads_ - 1) / (rounds * threads_);
  const std::int64_t chunks = (blocks + chunk - 1) / chunk;
  // Two panels write a whole cache line of each pixel.
  const std::int64_t together = 2 * form_.panel_bytes() <= kBytesOfBlocks / 4 ? 2 : 1;
  // Panels are shared where blocks are too few.
  const std::int64_t shares = chunks < threads_ ? std::min<std::int64_t>(panels, threads_ / chunks) : 1;
  cpu::parallel_for(threads_, chunks * shares, 1, [&](std::int64_t begin, std::int64_t end) {
    cpu::ByteProducts products;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i / shares * chunk, share = i % shares;
      const std::int64_t panels_end = (share + 1) * panels / shares;
      for (std::int64_t p = share * panels / shares; p < panels_end; p += together) {
        for (std::int64_t b = first; b < std::min(blocks, first + chunk); ++b) {
          for (std::int64_t of = p; of < std::min(panels_end, p + together); ++of)
            multiply(operands, b, of, products);
        }
      }
    }
    products.finish();
  });
}

Status ByteTiles::run(const KernelRun& run) {
  const bool has_residual = run.inputs.size() > kResidual && run.inputs[kResidual].data != nullptr;
  Operands operands{.x = run.inputs[kX].as<const std::uint8_t>(),
                    .y = run.outputs[0],
                    .residual = has_residual ? run.inputs[kResidual] : TensorView(),
                    .packed = const_cast<void*>(run.packed)};
  if (form_.frame) {
    auto* const frame = static_cast<std::uint8_t*>(run.scratch);
    copy_into_frame(form_.g, form_.frame, static_cast<std::uint8_t>(form_.bytes.x.zero_point), operands.x,
                    from_.pixel_stride, frame, threads_);
    operands.x = frame;
  }
  constexpr std::int64_t kCacheBytes = std::int64_t{1} << 20;
  if (weight_bytes_ <= kCacheBytes) {
    by_blocks(operands);
  } else {
    by_panels(operands);
  }
  return {};
}

TileForm form_of(const KernelRequest& request, const Geometry& g, std::optional<double> eps, bool relu) {
  TileForm form{.bytes = byte_form(request, eps), .g = g, .x_step = request.inputs[kX].pixel_stride};
  if (relu) form.low = static_cast<float>(form.bytes.y.zero_point);
  form.rows = g.n * g.oh;
  form.columns = g.ow;
  if (g.kernel_positions() > 1 || g.ph != 0 || g.pw != 0 || g.c % kByteTerms != 0) {
    form.by_run = g.c % kByteTerms != 0;
    form.frame = frame_of(g);
    if (form.bytes.x.zero_point == 0) {
      // The rows of x alone.
      form.frame.top = 0;
      form.frame.height = g.h;
    }
    if (!form.by_run) form.frame.pixel_bytes = (g.c / kByteTerms | 1) * kByteTerms;
    form.x_step = form.frame.pixel_bytes;
  } else if (g.sh == 1 && g.sw == 1) {
    form.columns *= form.rows;
    form.rows = 1;
  }
  form.row_blocks = (form.columns + kBytePixels - 1) / kBytePixels;
  for (std::int64_t row = 0; row < g.kh; ++row) {
    const std::int64_t at = row * g.dh * form.frame.width * form.x_step;
    for (std::int64_t b = 0; form.by_run && b < g.kw * g.c; b += kByteTerms) form.steps.push_back(at + b);
    for (std::int64_t c = 0; !form.by_run && c < g.c; c += kByteTerms) {
      for (std::int64_t column = 0; column < g.kw; ++column)
        form.steps.push_back(at + column * g.dw * form.x_step + c);
    }
  }
  return form;
}

Prepared prepare(const KernelRequest& request, std::optional<double> eps, bool relu) {
  GRAPHRUN_TRY(check_byte_operands(request));
  if (!cpu::uses_matrix_units() || !cpu::has_byte_tiles())
    return {ErrorCode::declined, "wants matrix units (AMX) with products of bytes"};
  const TensorDesc& x = request.inputs[kX];
  const TensorDesc& y = request.outputs[0];
  const Geometry g = library_geometry(request.attrs, x, y);
  GRAPHRUN_TRY(require_one_group(g));
  if (!is_byte(y) || g.o % kByteChannels != 0) return {ErrorCode::declined, "wants y in u8, channels by 32"};
  if (g.c % kByteTerms != 0 && g.kw > 1 && g.dw > 1)
    return {ErrorCode::declined, "wants channels of x by 64, or a window without gaps"};
  TileForm form = form_of(request, g, eps, relu);
  if (!form.frame && (kBytePixels - 1) * g.sw >= x.pixels())
    return {ErrorCode::declined, "has fewer pixels than a block"};
  return std::unique_ptr<Kernel>(std::make_unique<ByteTiles>(request, std::move(form)));
}

}  // namespace

Prepared prepare_byte_tiles(const KernelRequest& request) { return prepare(request, std::nullopt, false); }

Prepared prepare_batch_norm_byte_tiles(const KernelRequest& request) {
  return prepare(request, request.attrs.real("eps"), request.attrs.text("activation") == "relu");
}

}  // namespace graphrun::ops::conv2d
