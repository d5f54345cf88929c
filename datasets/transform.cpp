#include "datasets/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace graphrun::datasets {

namespace {

using Lanes = Pixel::Lanes;

// Positions of a turn have 10 bits below the point, of which interpolation uses the upper 5.
constexpr int kTurnBits = 10;
constexpr int kTurnShift = 5;
constexpr std::int64_t kTurnSteps = 32;

std::int64_t fixed_point(double value) { return std::llrint(value * (1 << kTurnBits)); }

void require(std::vector<Pixel>& pixels, std::int64_t count) {
  if (pixels.size() < static_cast<std::size_t>(count)) pixels.resize(static_cast<std::size_t>(count));
}

// The first of two neighbours and the second one's share.
struct Between {
  std::int64_t first = 0;
  float fraction = 0;
};

Between between(std::int64_t position, double step, std::int64_t side) {
  const auto at = static_cast<float>((static_cast<double>(position) + 0.5) * step - 0.5);
  const auto first = static_cast<std::int64_t>(std::floor(at));
  if (first < 0) return {0, 0};
  if (first >= side - 1) return {side - 1, 0};
  return {first, at - static_cast<float>(first)};
}

std::int64_t nearest(std::int64_t position, double step, std::int64_t side) {
  return std::min(static_cast<std::int64_t>(std::floor(static_cast<double>(position) * step)), side - 1);
}

// Pixels [from, from + count) of an image row; `end` is the end of the image.
void widen(const std::uint8_t* row, const std::uint8_t* end, std::int64_t from, std::int64_t count,
           Pixel* out) {
  using Bytes [[gnu::vector_size(4)]] = std::uint8_t;
  const std::uint8_t* in = row + from * 3;
  const std::int64_t whole = std::min<std::int64_t>(count, (end - in - 1) / 3);
  for (std::int64_t i = 0; i < whole; ++i) {
    Bytes bytes;
    std::memcpy(&bytes, in + i * 3, sizeof(bytes));
    out[i].lanes = __builtin_convertvector(bytes, Lanes);
  }
  for (std::int64_t i = whole; i < count; ++i) {
    for (int c = 0; c < 3; ++c) out[i].lanes[c] = in[i * 3 + c];
  }
}

// Gathers a group of channels likewise; floats of a pixel lie side by side.
void gather(const float* row, std::int64_t channels, const ChannelGroup& group, std::int64_t from,
            std::int64_t count, Pixel* out) {
  const float* in = row + from * channels + group.first;
  for (std::int64_t i = 0; i < count; ++i, in += channels) {
    out[i].lanes = Lanes{};
    for (std::int64_t c = 0; c < group.count; ++c) out[i].lanes[c] = in[c];
  }
}

// Image rows stretched to a part of the canvas's columns; the last two are kept.
class StretchedRows {
 public:
  StretchedRows(const imaging::Image& image, const ChannelGroup& group, const Scaling& canvas,
                const Rect& part, TransformScratch& scratch)
      : image_(image), group_(group), width_(part.width), scratch_(scratch) {
    const auto count = static_cast<std::size_t>(width_);
    scratch.indices.resize(count);
    scratch.fractions.resize(count);
    first_ = between(part.left, canvas.step_x, image.width).first;
    for (std::int64_t x = 0; x < width_; ++x) {
      const Between b = between(part.left + x, canvas.step_x, image.width);
      scratch.indices[static_cast<std::size_t>(x)] = b.first - first_;
      scratch.fractions[static_cast<std::size_t>(x)] = b.fraction;
    }
    count_ = std::min(scratch.indices.back() + 2, image.width - first_);
    // Two stretched rows and one as it is, with a pixel more for the last index's neighbour.
    require(scratch.rows, 2 * width_ + count_ + 1);
  }

  const Pixel* get(std::int64_t y) {
    int slot = y == held_[0] ? 0 : 1;
    if (held_[slot] != y) {
      slot = held_[0] < held_[1] ? 0 : 1;
      stretch(y, row(slot));
      held_[slot] = y;
    }
    return row(slot);
  }

 private:
  Pixel* row(int slot) { return scratch_.rows.data() + slot * width_; }

  void stretch(std::int64_t y, Pixel* out) {
    Pixel* const plain = row(2);
    if (image_.is_rgb()) {
      const std::uint8_t* const start = image_.rgb.data();
      widen(start + y * image_.width * 3, start + image_.rgb.size(), first_, count_, plain);
    } else {
      const float* const start = image_.values.data() + y * image_.width * image_.channels;
      gather(start, image_.channels, group_, first_, count_, plain);
    }
    plain[count_] = plain[count_ - 1];
    const std::int64_t* const indices = scratch_.indices.data();
    const float* const fractions = scratch_.fractions.data();
    for (std::int64_t x = 0; x < width_; ++x) {
      const Pixel* const two = plain + indices[x];
      const float share = fractions[x];
      out[x].lanes = two[0].lanes * (1.0F - share) + two[1].lanes * share;
    }
  }

  const imaging::Image& image_;
  const ChannelGroup group_;
  const std::int64_t width_;
  TransformScratch& scratch_;
  std::int64_t first_ = 0;  // image columns [first_, first_ + count_) are read
  std::int64_t count_ = 0;
  std::int64_t held_[2] = {-1, -1};
};

// Outside a canvas side, positions run back from its edge pixel, which is not repeated.
std::int64_t mirrored(std::int64_t position, std::int64_t side) {
  if (side == 1) return 0;
  while (position < 0 || position >= side) {
    position = position < 0 ? -position : 2 * (side - 1) - position;
  }
  return position;
}

// A window row's columns [first, last) show the canvas, from column `start` on in steps of `step`.
struct Span {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t start = 0;
  std::int64_t step = 1;
};

std::int64_t shift_of(std::int64_t offset, std::int64_t extent, std::int64_t side) {
  return offset - std::max<std::int64_t>(extent - side, 0) / 2;
}

Span columns_of(const Window& window, std::int64_t canvas_width) {
  const std::int64_t shift = shift_of(window.left, window.width, canvas_width);
  Span span;
  span.first = std::clamp<std::int64_t>(-shift, 0, window.width);
  span.last = std::clamp<std::int64_t>(canvas_width - shift, span.first, window.width);
  span.start = window.flip ? canvas_width - 1 - (span.first + shift) : span.first + shift;
  span.step = window.flip ? -1 : 1;
  return span;
}

}  // namespace

void Patch::reset(const Rect& covered) {
  rect = covered;
  require(pixels, covered.height * covered.width);
}

Scaling Scaling::make(std::int64_t height, std::int64_t width, double factor_y, double factor_x) {
  const auto scaled = [](std::int64_t side, double factor) {
    return static_cast<std::int64_t>(std::llrint(static_cast<double>(side) * factor));
  };
  const Scaling canvas{scaled(height, factor_y), scaled(width, factor_x), 1 / factor_y, 1 / factor_x};
  if (canvas.height == height && canvas.width == width) return {height, width, 1, 1};
  return canvas;
}

Rotation Rotation::make(const Scaling& canvas, double degrees) {
  const double radians = degrees * (std::numbers::pi / 180);
  const double a = std::cos(radians);
  const double b = std::sin(radians);
  const double center_x = static_cast<double>(canvas.width) / 2;
  const double center_y = static_cast<double>(canvas.height) / 2;
  const double x = (1 - a) * center_x - b * center_y;
  const double y = b * center_x + (1 - a) * center_y;
  // The inverse of (a b x; -b a y).
  const double scale = 1 / (a * a + b * b);
  Rotation turn;
  auto& m = turn.inverse_;
  m[0] = m[4] = a * scale;
  m[1] = -b * scale;
  m[3] = b * scale;
  m[2] = -m[0] * x - m[1] * y;
  m[5] = -m[3] * x - m[4] * y;
  return turn;
}

Rotation::Source Rotation::row_start(std::int64_t y) const {
  const auto row = static_cast<double>(y);
  return {fixed_point(inverse_[4] * row + inverse_[5]), fixed_point(inverse_[1] * row + inverse_[2])};
}

Rotation::Source Rotation::column_offset(std::int64_t x) const {
  const auto column = static_cast<double>(x);
  return {fixed_point(inverse_[3] * column), fixed_point(inverse_[0] * column)};
}

Rect Rotation::reads(const Rect& part, const Scaling& canvas) const {
  // Positions are monotonic in rows and columns: the corners are the extremes.
  std::int64_t low_y = INT64_MAX, high_y = INT64_MIN, low_x = INT64_MAX, high_x = INT64_MIN;
  for (const std::int64_t y : {part.top, part.bottom() - 1}) {
    for (const std::int64_t x : {part.left, part.right() - 1}) {
      const Source start = row_start(y);
      const Source offset = column_offset(x);
      const std::int64_t at_y = (start.y + offset.y) >> kTurnBits;
      const std::int64_t at_x = (start.x + offset.x) >> kTurnBits;
      low_y = std::min(low_y, at_y);
      high_y = std::max(high_y, at_y);
      low_x = std::min(low_x, at_x);
      high_x = std::max(high_x, at_x);
    }
  }
  // The neighbour, and half a step of rounding that may reach the next pixel.
  Rect rect;
  rect.top = std::clamp<std::int64_t>(low_y, 0, canvas.height);
  rect.left = std::clamp<std::int64_t>(low_x, 0, canvas.width);
  rect.height = std::clamp<std::int64_t>(high_y + 3, rect.top, canvas.height) - rect.top;
  rect.width = std::clamp<std::int64_t>(high_x + 3, rect.left, canvas.width) - rect.left;
  return rect;
}

std::int64_t window_room(std::int64_t canvas_side, std::int64_t extent) {
  return std::max<std::int64_t>(canvas_side - extent, 0);
}

Rect Window::shown(const Scaling& canvas) const {
  const std::int64_t shift = shift_of(top, height, canvas.height);
  const Span span = columns_of(*this, canvas.width);
  Rect rect;
  rect.top = std::max<std::int64_t>(shift, 0);
  rect.height = std::min(shift + height, canvas.height) - rect.top;
  rect.width = span.last - span.first;
  rect.left = flip ? span.start - rect.width + 1 : span.start;
  return rect;
}

void scale_patch(const imaging::Image& image, const ChannelGroup& group, const Scaling& canvas,
                 const Rect& part, TransformScratch& scratch, Patch& out) {
  out.reset(part);
  if (part.height == 0 || part.width == 0) return;
  StretchedRows rows(image, group, canvas, part, scratch);
  for (std::int64_t y = part.top; y < part.bottom(); ++y) {
    const Between b = between(y, canvas.step_y, image.height);
    const Pixel* const upper = rows.get(b.first);
    const Pixel* const lower = rows.get(std::min(b.first + 1, image.height - 1));
    Pixel* const to = out.row(y);
    for (std::int64_t x = 0; x < part.width; ++x) {
      to[x].lanes = upper[x].lanes * (1.0F - b.fraction) + lower[x].lanes * b.fraction;
    }
  }
}

void turn_patch(const Patch& in, const Scaling& canvas, const Rotation& turn, const Rect& part,
                const Pixel& border, TransformScratch& scratch, Patch& out) {
  constexpr std::int64_t kHalfStep = 1 << (kTurnShift - 1);
  constexpr float kStep = 1.0F / kTurnSteps;
  out.reset(part);
  scratch.steps.resize(static_cast<std::size_t>(2 * part.width));
  std::int64_t* const offsets = scratch.steps.data();
  for (std::int64_t x = 0; x < part.width; ++x) {
    const Rotation::Source offset = turn.column_offset(part.left + x);
    offsets[2 * x] = offset.y;
    offsets[2 * x + 1] = offset.x;
  }
  const auto tap = [&](std::int64_t y, std::int64_t x) {
    const bool inside = y >= 0 && y < canvas.height && x >= 0 && x < canvas.width;
    return inside ? in.at(y, x)->lanes : border.lanes;
  };
  for (std::int64_t y = part.top; y < part.bottom(); ++y) {
    const Rotation::Source start = turn.row_start(y);
    Pixel* const to = out.row(y);
    for (std::int64_t x = 0; x < part.width; ++x) {
      const std::int64_t from_y = (start.y + offsets[2 * x] + kHalfStep) >> kTurnShift;
      const std::int64_t from_x = (start.x + offsets[2 * x + 1] + kHalfStep) >> kTurnShift;
      const std::int64_t row = from_y >> kTurnShift;
      const std::int64_t column = from_x >> kTurnShift;
      const float down = static_cast<float>(from_y & (kTurnSteps - 1)) * kStep;
      const float right = static_cast<float>(from_x & (kTurnSteps - 1)) * kStep;
      const float weights[4] = {(1 - down) * (1 - right), (1 - down) * right, down * (1 - right),
                                down * right};
      if (row >= 0 && row + 1 < canvas.height && column >= 0 && column + 1 < canvas.width) {
        const Pixel* const upper = in.at(row, column);
        const Pixel* const lower = upper + in.rect.width;
        to[x].lanes = upper[0].lanes * weights[0] + upper[1].lanes * weights[1] +
                      lower[0].lanes * weights[2] + lower[1].lanes * weights[3];
      } else if (row < -1 || row >= canvas.height || column < -1 || column >= canvas.width) {
        to[x] = border;
      } else {
        to[x].lanes = tap(row, column) * weights[0] + tap(row, column + 1) * weights[1] +
                      tap(row + 1, column) * weights[2] + tap(row + 1, column + 1) * weights[3];
      }
    }
  }
}

Rect grown(const Rect& part, const Scaling& canvas) {
  constexpr std::int64_t kReach = 2;
  Rect rect;
  rect.top = std::max<std::int64_t>(part.top - kReach, 0);
  rect.left = std::max<std::int64_t>(part.left - kReach, 0);
  rect.height = std::min(part.bottom() + kReach, canvas.height) - rect.top;
  rect.width = std::min(part.right() + kReach, canvas.width) - rect.left;
  return rect;
}

void blur_patch(const Patch& in, const Scaling& canvas, const Rect& part, TransformScratch& scratch,
                Patch& out) {
  constexpr std::int64_t kTaps = 5;
  const auto blend = [](Lanes a, Lanes b, Lanes middle, Lanes c, Lanes d) {
    return middle * 0.375F + (b + c) * 0.25F + (a + d) * 0.0625F;
  };
  out.reset(part);
  // One input row with its margins, and a ring of rows blurred along themselves, by row number modulo 5.
  const std::int64_t wide = part.width + kTaps - 1;
  require(scratch.rows, wide + kTaps * part.width);
  Pixel* const padded = scratch.rows.data();
  Pixel* const ring = padded + wide;
  std::int64_t made = part.top - 2;
  for (std::int64_t y = part.top; y < part.bottom(); ++y) {
    for (; made <= y + 2; ++made) {
      const Pixel* const from = in.at(mirrored(made, canvas.height), in.rect.left);
      std::copy_n(from + part.left - in.rect.left, part.width, padded + 2);
      for (const std::int64_t x : {std::int64_t{0}, std::int64_t{1}, wide - 2, wide - 1}) {
        padded[x] = from[mirrored(part.left + x - 2, canvas.width) - in.rect.left];
      }
      Pixel* const to = ring + (made - part.top + 2) % kTaps * part.width;
      for (std::int64_t x = 0; x < part.width; ++x) {
        const Pixel* const p = padded + x;
        to[x].lanes = blend(p[0].lanes, p[1].lanes, p[2].lanes, p[3].lanes, p[4].lanes);
      }
    }
    const Pixel* rows[kTaps];
    for (std::int64_t i = 0; i < kTaps; ++i) rows[i] = ring + (y - part.top + i) % kTaps * part.width;
    Pixel* const to = out.row(y);
    for (std::int64_t x = 0; x < part.width; ++x) {
      to[x].lanes =
          blend(rows[0][x].lanes, rows[1][x].lanes, rows[2][x].lanes, rows[3][x].lanes, rows[4][x].lanes);
    }
  }
}

namespace {

// Writes an image of three channels. A whole vector is written, of which the next pixel overwrites the unused
// lane.
void write_colors(const Pixel* from, std::int64_t step, std::int64_t count, const Pixel& mean,
                  const Pixel& std, float* to) {
  for (std::int64_t i = 0; i + 1 < count; ++i, to += 3, from += step) {
    const Lanes value = (from->lanes - mean.lanes) / std.lanes;
    std::memcpy(to, &value, sizeof(value));
  }
  if (count == 0) return;
  const Lanes value = (from->lanes - mean.lanes) / std.lanes;
  std::memcpy(to, &value, 3 * sizeof(float));
}

void write_group(const Pixel* from, std::int64_t step, std::int64_t count, const ChannelGroup& group,
                 std::int64_t channels, const Pixel& mean, const Pixel& std, float* to) {
  for (std::int64_t i = 0; i < count; ++i, to += channels, from += step) {
    const Lanes value = (from->lanes - mean.lanes) / std.lanes;
    std::memcpy(to + group.first, &value, static_cast<std::size_t>(group.count) * sizeof(float));
  }
}

void clear_group(const ChannelGroup& group, std::int64_t channels, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i, to += channels) std::fill_n(to + group.first, group.count, 0.0F);
}

}  // namespace

void write_image(const Patch& in, const ChannelGroup& group, std::int64_t channels, const Scaling& canvas,
                 const Window& window, const Pixel& mean, const Pixel& std, float* out) {
  const std::int64_t shift = shift_of(window.top, window.height, canvas.height);
  const Span span = columns_of(window, canvas.width);
  const std::int64_t count = span.last - span.first;
  for (std::int64_t y = 0; y < window.height; ++y, out += window.width * channels) {
    const std::int64_t row = y + shift;
    if (row < 0 || row >= canvas.height) {
      clear_group(group, channels, window.width, out);
      continue;
    }
    clear_group(group, channels, span.first, out);
    const Pixel* const from = in.at(row, span.start);
    float* const to = out + span.first * channels;
    if (channels == 3 && group.count == 3) {
      write_colors(from, span.step, count, mean, std, to);
    } else {
      write_group(from, span.step, count, group, channels, mean, std, to);
    }
    clear_group(group, channels, window.width - span.last, out + span.last * channels);
  }
}

void write_label(const imaging::LabelMap& label, const Scaling& canvas, const Rotation* turn,
                 const Window& window, std::int32_t ignore_label, TransformScratch& scratch,
                 std::int32_t* out) {
  constexpr std::int64_t kHalf = 1 << (kTurnBits - 1);
  const std::int64_t shift = shift_of(window.top, window.height, canvas.height);
  const Span span = columns_of(window, canvas.width);
  const auto value = [&](ClassId id) {
    return id == imaging::kIgnoredClass ? ignore_label : std::int32_t{id};
  };
  // Label columns and rows of those of the canvas.
  scratch.indices.resize(static_cast<std::size_t>(canvas.width + canvas.height));
  std::int64_t* const columns = scratch.indices.data();
  std::int64_t* const rows = columns + canvas.width;
  for (std::int64_t x = 0; x < canvas.width; ++x) columns[x] = nearest(x, canvas.step_x, label.width);
  for (std::int64_t y = 0; y < canvas.height; ++y) {
    rows[y] = nearest(y, canvas.step_y, label.height) * label.width;
  }
  const std::int64_t count = span.last - span.first;
  if (turn != nullptr) {
    scratch.steps.resize(static_cast<std::size_t>(2 * count));
    for (std::int64_t i = 0; i < count; ++i) {
      const Rotation::Source offset = turn->column_offset(span.start + i * span.step);
      scratch.steps[static_cast<std::size_t>(2 * i)] = offset.y;
      scratch.steps[static_cast<std::size_t>(2 * i + 1)] = offset.x;
    }
  }
  const std::int64_t* const offsets = scratch.steps.data();
  const ClassId* const ids = label.ids.data();
  for (std::int64_t y = 0; y < window.height; ++y, out += window.width) {
    const std::int64_t row = y + shift;
    if (row < 0 || row >= canvas.height) {
      std::fill(out, out + window.width, ignore_label);
      continue;
    }
    std::fill(out, out + span.first, ignore_label);
    std::fill(out + span.last, out + window.width, ignore_label);
    std::int32_t* const to = out + span.first;
    if (turn == nullptr) {
      const std::int64_t* column = columns + span.start;
      for (std::int64_t i = 0; i < count; ++i, column += span.step) to[i] = value(ids[rows[row] + *column]);
      continue;
    }
    const Rotation::Source start = turn->row_start(row);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t from_y = (start.y + offsets[2 * i] + kHalf) >> kTurnBits;
      const std::int64_t from_x = (start.x + offsets[2 * i + 1] + kHalf) >> kTurnBits;
      const bool inside = from_y >= 0 && from_y < canvas.height && from_x >= 0 && from_x < canvas.width;
      to[i] = inside ? value(ids[rows[from_y] + columns[from_x]]) : ignore_label;
    }
  }
}

}  // namespace graphrun::datasets
