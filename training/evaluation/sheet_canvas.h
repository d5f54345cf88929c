#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/imaging/image.h"

namespace graphrun::training {

inline constexpr imaging::Color kSheetText{27, 32, 38};

// A white picture on which others, areas of a colour and lines of text are put; what lies outside of it is
// cut off. Letters are ours, of five by eight dots, twice as large: no library of fonts has to be there. What
// is no ASCII is shown as a question mark.
class SheetCanvas {
 public:
  static constexpr std::int64_t kLineHeight = 22;  // pixels, with the room between lines
  static constexpr std::int64_t kLetterWidth = 12;

  explicit SheetCanvas(const imaging::Extent& size);
  void fill(std::int64_t top, std::int64_t left, const imaging::Extent& size, const imaging::Color& color);
  void paste(std::int64_t top, std::int64_t left, const imaging::Image& picture);
  // The letters' tops lie at `top`.
  void write(std::int64_t top, std::int64_t left, std::string_view text,
             const imaging::Color& color = kSheetText);
  const imaging::Image& picture() const { return picture_; }

  static std::int64_t width_of(std::string_view text);

 private:
  imaging::Image picture_;
};

}  // namespace graphrun::training
