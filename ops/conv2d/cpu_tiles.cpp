#include <algorithm>

#include "ops/common/scratch.h"
#include "ops/conv2d/cpu_library.h"
#include "ops/conv2d/kernels.h"
#include "ops/conv2d/tiles.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/parallel.h"

namespace graphrun::ops::conv2d {

using cpu::kTileChannels;
using cpu::kTilePixels;
using cpu::kTileRun;
using cpu::kTileStep;

TileForm::Range TileForm::window_rows(std::int64_t row) const {
  if (zero != 0) return {0, g.kh};
  const std::int64_t top = row * g.sh - g.ph;
  const std::int64_t begin = top < 0 ? std::min((g.dh - 1 - top) / g.dh, g.kh) : 0;
  const std::int64_t left = g.h - 1 - top;  // rows from the window's first to x's last
  return {begin, left < 0 ? begin : std::clamp(left / g.dh + 1, begin, g.kh)};
}

namespace {

void add_steps(TileForm& form) {
  const Geometry& g = form.g;
  const std::int64_t pixel = g.c * form.size();
  for (std::int64_t row = 0; row < g.kh; ++row) {
    const std::int64_t at = row * g.dh * form.frame.width * form.x_step;
    for (std::int64_t b = 0; form.by_run && b < g.kw * pixel; b += kTileRun) form.steps.push_back(at + b);
    for (std::int64_t b = 0; !form.by_run && b < pixel; b += kTileRun) {
      for (std::int64_t column = 0; column < g.kw; ++column)
        form.steps.push_back(at + column * g.dw * form.x_step + b);
    }
  }
}

// `dense` are a panel's weights as the variable has them; T is a number of an element's size.
template <class T>
void pack_panel(const TileForm& form, const std::byte* dense, std::byte* panel) {
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(T));
  const Geometry& g = form.g;
  std::fill_n(panel, form.panel_bytes(), std::byte{0});
  for (std::int64_t o = 0; o < kTileChannels; ++o) {
    for (std::int64_t c = 0; c < g.c; ++c) {
      for (std::int64_t row = 0; row < g.kh; ++row) {
        std::byte* const of_row = panel + row * form.row_steps() * kTileStep;
        for (std::int64_t column = 0; column < g.kw; ++column, dense += kSize) {
          const std::int64_t byte = (form.by_run ? column * g.c + c : c) * kSize;
          const std::int64_t step = form.by_run ? byte / kTileRun : byte / kTileRun * g.kw + column;
          std::copy_n(dense, kSize, of_row + step * kTileStep + cpu::tile_weight_at(byte % kTileRun, o));
        }
      }
    }
  }
}

}  // namespace

Result<TileForm> tile_form(const KernelRequest& request, cpu::TileType type) {
  if (!cpu::has_tile_products(type))
    return {ErrorCode::declined, "wants matrix units (AMX) with products of this type"};
  const TensorDesc& x = request.inputs[kX];
  TileForm form{.g = library_geometry(request.attrs, x, request.outputs[0]), .type = type};
  const Geometry& g = form.g;
  GRAPHRUN_TRY(require_one_group(g));
  const bool whole = g.c * form.size() % kTileRun == 0;
  if (g.o % kTileChannels != 0) return {ErrorCode::declined, "wants channels of y by 32"};
  // What stands for a run's rest may be anything, and NaN times 0 is not 0.
  if (!whole && (type != cpu::TileType::bytes || (g.kw > 1 && g.dw > 1)))
    return {ErrorCode::declined, "wants pixels of x by 64 bytes, or bytes and a window without gaps"};
  if (type == cpu::TileType::bytes) form.zero = static_cast<std::uint8_t>(x.quantisation.zero_point);
  form.x_step = x.pixel_stride * form.size();
  form.rows = g.n * g.oh;
  form.columns = g.ow;
  if (g.kernel_positions() > 1 || g.ph != 0 || g.pw != 0 || !whole) {
    form.by_run = !whole;
    form.frame = frame_of(g, form.size());
    if (form.zero == 0) {
      // The rows of x alone.
      form.frame.top = 0;
      form.frame.height = g.h;
    }
    if (whole) form.frame.pixel_bytes = (g.c * form.size() / kTileRun | 1) * kTileRun;
    form.x_step = form.frame.pixel_bytes;
  } else if (g.sh == 1 && g.sw == 1) {
    form.columns *= form.rows;
    form.rows = 1;
  }
  if (!form.frame && (kTilePixels - 1) * g.sw >= x.pixels())
    return {ErrorCode::declined, "has fewer pixels than a block"};
  form.row_blocks = (form.columns + kTilePixels - 1) / kTilePixels;
  add_steps(form);
  return form;
}

TileKernel::TileKernel(const KernelRequest& request, TileForm form, TileEnds ends, const std::string& key)
    : form_(std::move(form)),
      ends_(ends),
      from_(request.inputs[kX]),
      threads_(request.threads),
      weight_bytes_(form_.panels() * form_.panel_bytes()),
      vector_bytes_(core::whole_lines(form_.g.o * 4)) {
  const Geometry& g = form_.g;
  const Frame& frame = form_.frame;
  ScratchPlan scratch;
  if (frame) {
    // A block may begin at the last pixel, and a step at its last byte.
    const std::int64_t pixels = from_.n() * frame.height * frame.width + kTilePixels * g.sw;
    scratch.add(pixels * frame.pixel_bytes + kTileRun);
  }
  scratch_bytes_ = scratch.bytes();
  key_ = "tiles " + key;
  for (const std::int64_t extent : {g.o, g.c, g.kh, g.kw}) key_.append(" ").append(std::to_string(extent));
}

void TileKernel::pack_panels(std::span<const std::byte> dense, void* packed) const {
  const std::int64_t of_panel = std::ssize(dense) / form_.panels();
  cpu::parallel_for(threads_, form_.panels(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const auto pack =
          form_.type == cpu::TileType::bytes ? pack_panel<std::uint8_t> : pack_panel<std::uint16_t>;
      pack(form_, dense.data() + panel * of_panel,
           static_cast<std::byte*>(packed) + panel * form_.panel_bytes());
    }
  });
}

float* TileKernel::shifts(void* packed) const { return scratch_at<float>(packed, weight_bytes_); }
float* TileKernel::factors(void* packed) const {
  return scratch_at<float>(packed, weight_bytes_ + vector_bytes_);
}

void TileKernel::multiply(const Operands& operands, std::int64_t block, std::int64_t panel,
                          cpu::TileProducts& products) const {
  const Geometry& g = form_.g;
  const std::int64_t row = block / form_.row_blocks, column = block % form_.row_blocks * kTilePixels;
  const std::int64_t pixel = row * form_.columns + column, channel = panel * kTileChannels;
  std::int64_t at = column * g.sw, first = 0;
  TileForm::Range rows{0, g.kh};
  if (form_.frame) {
    rows = form_.window_rows(row % g.oh);
    const std::int64_t top = row % g.oh * g.sh + rows.begin * g.dh - g.ph + form_.frame.top;
    at += (row / g.oh * form_.frame.height + top) * form_.frame.width;
  } else {
    at += form_.rows > 1 ? (row / g.oh * g.h + row % g.oh * g.sh) * g.w : 0;
    // The block ends with x: it begins earlier, with pixels that are not written.
    const std::int64_t beyond = at + (kTilePixels - 1) * g.sw - (from_.pixels() - 1);
    first = beyond > 0 ? (beyond + g.sw - 1) / g.sw : 0;
    at -= first * g.sw;
  }
  const auto bytes_at = [&](const TensorView& view) {
    return view.as<std::byte>() + (pixel * view.desc.pixel_stride + channel) * form_.size();
  };
  const auto vector_at = [&](std::int64_t offset) {
    return reinterpret_cast<const float*>(operands.packed + offset) + channel;
  };
  cpu::TileResult result{.y = bytes_at(operands.y),
                         .y_step = operands.y.desc.pixel_stride * form_.size(),
                         .factors = has_factors() ? vector_at(weight_bytes_ + vector_bytes_) : nullptr,
                         .shifts = vector_at(weight_bytes_),
                         .residual_factor = ends_.residual_factor,
                         .low = ends_.low,
                         .first = first,
                         .end = first + std::min(kTilePixels, form_.columns - column)};
  if (operands.residual.data != nullptr) {
    result.residual = bytes_at(operands.residual);
    result.residual_step = operands.residual.desc.pixel_stride * form_.size();
  }
  const std::int64_t steps = (rows.end - rows.begin) * form_.row_steps();
  products.multiply(
      {.x = operands.x + at * form_.x_step,
       .x_step = form_.x_step * g.sw,
       .steps = std::span(form_.steps).first(static_cast<std::size_t>(steps)),
       .weights = operands.packed + panel * form_.panel_bytes() + rows.begin * form_.row_steps() * kTileStep},
      result);
}

void TileKernel::by_blocks(const Operands& operands) const {
  const std::int64_t panels = form_.panels(), count = form_.blocks() * panels;
  // Whole blocks of pixels, but where there are fewer than threads.
  const std::int64_t pieces = 4 * threads_;
  std::int64_t grain = (form_.blocks() + pieces - 1) / pieces * panels;
  if (form_.blocks() < threads_) grain = (count + threads_ - 1) / threads_;
  cpu::parallel_for(threads_, count, grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::TileProducts products(form_.type);
    for (std::int64_t i = begin; i < end; ++i) multiply(operands, i / panels, i % panels, products);
    products.finish();
  });
}

void TileKernel::by_panels(const Operands& operands) const {
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
    cpu::TileProducts products(form_.type);
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

Status TileKernel::run(const KernelRun& run) {
  Operands operands{.x = run.inputs[kX].as<const std::byte>(),
                    .y = run.outputs[0],
                    .residual = residual_of(run),
                    .packed = static_cast<const std::byte*>(run.packed)};
  if (form_.frame) {
    copy_into_frame(form_.g, form_.frame, form_.zero, operands.x, from_.pixel_stride * form_.size(),
                    run.scratch, threads_);
    operands.x = static_cast<const std::byte*>(run.scratch);
  }
  constexpr std::int64_t kCacheBytes = std::int64_t{1} << 20;
  if (weight_bytes_ <= kCacheBytes) {
    by_blocks(operands);
  } else {
    by_panels(operands);
  }
  return {};
}

}  // namespace graphrun::ops::conv2d
