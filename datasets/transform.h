#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "datasets/sample.h"

// The geometric steps of augmentation. An image is scaled, turned and blurred on a *canvas* of its own size,
// and a window of that becomes the network's input; here each step computes just the part of its canvas that
// the window shows in the end. The numbers are those of OpenCV's resize, warpAffine and GaussianBlur over the
// whole canvas, to rounding; class ids are the same.
namespace graphrun::datasets {

// Channels of an image that the steps take at once: red, green and blue, with one lane unused, or four of
// others.
struct ChannelGroup {
  std::int64_t first = 0;
  std::int64_t count = 3;
};

// The numbers of a channel group as they are stored (red, green, blue in 0..255), lanes beyond it are 0.
struct Pixel {
  using Lanes [[gnu::vector_size(16)]] = float;
  Lanes lanes;
};

// Rows [top, top + height) and columns [left, left + width) of a canvas.
struct Rect {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t bottom() const { return top + height; }
  std::int64_t right() const { return left + width; }
};

// Part of a canvas.
struct Patch {
  Rect rect;
  std::vector<Pixel> pixels;  // row by row; may be larger, since its memory is used again

  void reset(const Rect& covered);
  // A pixel of the canvas that lies in `rect`.
  const Pixel* at(std::int64_t y, std::int64_t x) const {
    return pixels.data() + (y - rect.top) * rect.width + (x - rect.left);
  }
  Pixel* row(std::int64_t y) { return pixels.data() + (y - rect.top) * rect.width; }
};

// Each side times its factor, rounded half to even.
struct Scaling {
  std::int64_t height = 0;  // of the canvas
  std::int64_t width = 0;
  double step_y = 1;  // image rows a canvas row
  double step_x = 1;

  static Scaling make(std::int64_t height, std::int64_t width, double factor_y, double factor_x);
};

// Turns the canvas around its centre, size kept: where a pixel comes from, in 1/1024 pixels.
class Rotation {
 public:
  // Counter-clockwise.
  static Rotation make(const Scaling& canvas, double degrees);

  struct Source {
    std::int64_t y = 0;
    std::int64_t x = 0;
  };
  Source row_start(std::int64_t y) const;      // of column 0
  Source column_offset(std::int64_t x) const;  // to be added
  // What bilinear interpolation of a part of the turned canvas reads, cut to the canvas; may be empty.
  Rect reads(const Rect& part, const Scaling& canvas) const;

 private:
  std::array<double, 6> inverse_{1, 0, 0, 0, 1, 0};
};

// What part of the canvas becomes the network's input.
struct Window {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t top = 0;  // row of the (flipped, padded) canvas; see window_room
  std::int64_t left = 0;
  bool flip = false;  // left and right exchanged, before anything else

  // The part of the canvas, unflipped, that it shows; never empty.
  Rect shown(const Scaling& canvas) const;
};

// How many rows (columns) a window of this extent can be moved on a canvas side; 0 where the canvas is no
// larger. A smaller canvas is padded to the extent, half of it (rounded down) before.
std::int64_t window_room(std::int64_t canvas_side, std::int64_t extent);

// Memory of the steps, to be used again from sample to sample by one thread.
struct TransformScratch {
  std::vector<Pixel> rows;
  std::vector<std::int64_t> indices;
  std::vector<std::int64_t> steps;
  std::vector<float> fractions;
};

// Bilinear, of a group of the image's channels.
void scale_patch(const imaging::Image& image, const ChannelGroup& group, const Scaling& canvas,
                 const Rect& part, TransformScratch& scratch, Patch& out);
// Bilinear in steps of 1/32 pixel; what lies outside the canvas is `border`.
void turn_patch(const Patch& in, const Scaling& canvas, const Rotation& turn, const Rect& part,
                const Pixel& border, TransformScratch& scratch, Patch& out);
// Gaussian, 5 x 5 (1 4 6 4 1), the canvas mirrored at its edge pixels. `in` covers what grown() says.
void blur_patch(const Patch& in, const Scaling& canvas, const Rect& part, TransformScratch& scratch,
                Patch& out);
// The part and what its blur reads.
Rect grown(const Rect& part, const Scaling& canvas);

// Writes (pixel - mean) / std as the group's channels of (height, width, channels); padding is mean, that is
// 0. `in` covers what the window shows.
void write_image(const Patch& in, const ChannelGroup& group, std::int64_t channels, const Scaling& canvas,
                 const Window& window, const Pixel& mean, const Pixel& std, float* out);
// Writes class ids as (height, width), nearest neighbour, with ignore_label for kIgnoredClass, padding and
// what a turn brings in. `turn` may be null.
void write_label(const imaging::LabelMap& label, const Scaling& canvas, const Rotation* turn,
                 const Window& window, std::int32_t ignore_label, TransformScratch& scratch,
                 std::int32_t* out);

}  // namespace graphrun::datasets
