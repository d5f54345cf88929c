#include "training/evaluation/sheet_canvas.h"

#include <algorithm>
#include <array>
#include <string>

namespace graphrun::training {
namespace {

constexpr std::int64_t kDot = 2;  // pixels
constexpr int kRows = 8;
constexpr int kColumns = 5;
constexpr char kFirst = ' ';
constexpr char kLast = '~';

// From the blank to the tilde; bit 5 * row + column is that dot.
constexpr std::array<std::uint64_t, 95> kGlyphs{
    0x0000000000, 0x0100421084, 0x000000014a, 0x0295f57d4a, 0x011f4717c4, 0x0672222273, 0x0593511526,
    0x0000000084, 0x0208210888, 0x0088842082, 0x002aefbaa0, 0x00084f9080, 0x110c000000, 0x0000070000,
    0x018c000000, 0x0044222110, 0x03a33ae62e, 0x07c84214c4, 0x07c226422e, 0x03e107420f, 0x0211f4a988,
    0x03a3083c3f, 0x03a317842e, 0x010844221f, 0x03a317462e, 0x03a10f462e, 0x018c031800, 0x110c031800,
    0x0208208888, 0x0001f07c00, 0x0088882082, 0x010046422e, 0x0783daf62e, 0x04631fc62e, 0x03e317c62f,
    0x03a210862e, 0x01d318c527, 0x07c217843f, 0x004217843f, 0x03a31e862e, 0x04631fc631, 0x038842108e,
    0x019284211c, 0x0452519531, 0x07c2108421, 0x04631ad771, 0x04739ace71, 0x03a318c62e, 0x004217c62f,
    0x059358c62e, 0x045257c62f, 0x03e107043e, 0x010842109f, 0x03a318c631, 0x0114a8c631, 0x04775ac631,
    0x0454a22951, 0x0108422a31, 0x07c222221f, 0x038421084e, 0x0410820841, 0x039084210e, 0x0000004544,
    0x07c0000000, 0x0000000082, 0x07a3e83800, 0x03e318bc21, 0x078210f800, 0x07a318fa10, 0x0383f8b800,
    0x0084213c4c, 0x743d18f800, 0x046318bc21, 0x0388421804, 0x3250843008, 0x024a32a421, 0x0388421086,
    0x056b5abc00, 0x046318bc00, 0x03a318b800, 0x085f18bc00, 0x843d18f800, 0x004211b400, 0x03e0e0f800,
    0x0304213c42, 0x07a318c400, 0x0114a8c400, 0x02ab5ac400, 0x0454454400, 0x743d18c400, 0x07c4447c00,
    0x030841108c, 0x2108421084, 0x0188441086, 0x00009ac800,
};

// A letter a character, whatever its number of bytes.
std::string letters_of(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;
    letters += c >= kFirst && c <= kLast ? c : '?';
  }
  return letters;
}

}  // namespace

SheetCanvas::SheetCanvas(const imaging::Extent& size)
    : picture_{size.height, size.width,
               std::vector<std::uint8_t>(static_cast<std::size_t>(3 * size.height * size.width), 255)} {}

void SheetCanvas::fill(std::int64_t top, std::int64_t left, const imaging::Extent& size,
                       const imaging::Color& color) {
  const std::int64_t end = std::min(left + size.width, picture_.width);
  for (std::int64_t row = std::max<std::int64_t>(top, 0); row < std::min(top + size.height, picture_.height);
       ++row) {
    std::uint8_t* to = picture_.rgb.data() + 3 * (row * picture_.width + std::max<std::int64_t>(left, 0));
    for (std::int64_t column = std::max<std::int64_t>(left, 0); column < end; ++column)
      *to++ = color.r, *to++ = color.g, *to++ = color.b;
  }
}

void SheetCanvas::paste(std::int64_t top, std::int64_t left, const imaging::Image& picture) {
  const std::int64_t first = std::max<std::int64_t>(-left, 0);
  const std::int64_t columns = std::min(picture.width, picture_.width - left) - first;
  if (columns <= 0) return;
  for (std::int64_t row = std::max<std::int64_t>(-top, 0);
       row < std::min(picture.height, picture_.height - top); ++row) {
    std::copy_n(picture.rgb.data() + 3 * (row * picture.width + first), 3 * columns,
                picture_.rgb.data() + 3 * ((top + row) * picture_.width + left + first));
  }
}

void SheetCanvas::write(std::int64_t top, std::int64_t left, std::string_view text,
                        const imaging::Color& color) {
  for (const char letter : letters_of(text)) {
    const std::uint64_t glyph = kGlyphs[static_cast<std::size_t>(letter - kFirst)];
    for (int dot = 0; dot < kRows * kColumns; ++dot) {
      if ((glyph >> dot & 1) != 0)
        fill(top + dot / kColumns * kDot, left + dot % kColumns * kDot, {kDot, kDot}, color);
    }
    left += kLetterWidth;
  }
}

std::int64_t SheetCanvas::width_of(std::string_view text) {
  return std::max<std::int64_t>(std::ssize(letters_of(text)) * kLetterWidth - kDot, 0);
}

}  // namespace graphrun::training
