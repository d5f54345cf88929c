#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "datasets/codecs/row_reader.h"
#include "datasets/codecs/tiff_source.h"

namespace graphrun::datasets {
namespace {

using Pixels = imaging::ImageForm::Pixels;

// Bytes that one strip or tile may take in libtiff's memory, as it is stored, and a row of tiles here.
constexpr std::int64_t kMaxPiece = std::int64_t{256} << 20;

// Whether a file may claim a piece of that size: it is small, or deflate could make it of the file.
bool may_claim(std::int64_t piece, std::uint64_t file_bytes) {
  constexpr std::int64_t kSmall = std::int64_t{16} << 20;
  constexpr std::int64_t kOfByte = 1032;
  return piece <= kSmall || static_cast<std::uint64_t>(piece / kOfByte) <= file_bytes;
}

template <class T>
T tag(TIFF* tiff, std::uint32_t name) {
  T value = 0;
  TIFFGetFieldDefaulted(tiff, name, &value);
  return value;
}

// Numbers of a row as libtiff gives them, of 1, 2, 4 bits from the high end of a byte, into bytes or as they
// are.
void unpack(const std::byte* from, std::int64_t count, int bits, std::byte* to) {
  if (bits >= 8) {
    std::memcpy(to, from, static_cast<std::size_t>(count * bits / 8));
    return;
  }
  const int mask = (1 << bits) - 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = i * bits;
    to[i] = static_cast<std::byte>(std::to_integer<int>(from[at / 8]) >> (8 - bits - at % 8) & mask);
  }
}

class TiffRows final : public RowReader {
 public:
  static RowReader* open(const ByteSource& source, std::string& reason) {
    std::unique_ptr<TiffRows> rows(new TiffRows());
    if (rows->start(source)) return rows.release();
    reason = rows->reason();
    return nullptr;
  }

  bool next(std::int64_t count, std::byte* out, std::string& reason) override {
    for (std::int64_t i = 0; i < count; ++i, ++row_, out += form_.row_bytes()) {
      const bool read = tile_height_ > 0 ? next_of_tiles(out) : next_of_strips(out);
      if (read && handles_.front().source.said.empty()) continue;
      reason = this->reason();
      return false;
    }
    return true;
  }

 private:
  struct Handle {
    explicit Handle(const ByteSource& file) : source{file} {}
    TiffSource source;
    TiffHandle tiff;
  };

  TIFF* tiff(std::size_t plane = 0) { return handles_[plane].tiff.get(); }

  std::string reason() const {
    if (!refused_.empty()) return refused_;
    for (const Handle& handle : handles_) {
      if (!handle.source.said.empty())
        return "is a damaged TIFF, or of a kind that is not read: " + handle.source.said;
    }
    return "is a damaged TIFF, or of a kind that is not read";
  }
  bool refuse(const std::string& why) {
    refused_ = why;
    return false;
  }

  bool add_handle(const ByteSource& source) {
    Handle& handle = handles_.emplace_back(source);
    handle.tiff = open_tiff(handle.source, kMaxPiece);
    if (handle.tiff == nullptr) return false;
    handle.source.said.clear();  // of tags that the numbers do not need
    return true;
  }

  bool start(const ByteSource& source) {
    if (!add_handle(source) || !read_form()) return false;
    planes_ = tag<std::uint16_t>(tiff(), TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE ? form_.channels : 1;
    if (TIFFIsTiled(tiff()) != 0) return start_tiles(source.size());
    // Strips of each plane in their order, which one handle would jump between.
    for (std::int64_t plane = 1; plane < planes_; ++plane) {
      if (!add_handle(source)) return false;
    }
    const std::int64_t numbers = form_.width * form_.channels / planes_;
    if (TIFFScanlineSize64(tiff()) != static_cast<std::uint64_t>((numbers * form_.bits + 7) / 8))
      return refuse("is a TIFF of rows of an unexpected length");
    packed_.resize(static_cast<std::size_t>((numbers * form_.bits + 7) / 8));
    plane_row_.resize(static_cast<std::size_t>(numbers * form_.bytes_of_number()));
    strip_height_ = std::max<std::int64_t>(1, tag<std::uint32_t>(tiff(), TIFFTAG_ROWSPERSTRIP));
    return true;
  }

  bool read_form() {
    form_.width = tag<std::uint32_t>(tiff(), TIFFTAG_IMAGEWIDTH);
    form_.height = tag<std::uint32_t>(tiff(), TIFFTAG_IMAGELENGTH);
    form_.channels = tag<std::uint16_t>(tiff(), TIFFTAG_SAMPLESPERPIXEL);
    form_.bits = tag<std::uint16_t>(tiff(), TIFFTAG_BITSPERSAMPLE);
    form_.orientation = tag<std::uint16_t>(tiff(), TIFFTAG_ORIENTATION);
    if (form_.orientation < 1 || form_.orientation > 8) form_.orientation = 1;
    constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;
    if (form_.width < 1 || form_.height < 1 || form_.width > kMaxSide || form_.height > kMaxSide)
      return refuse("is a TIFF of no size, or with a side of more than " + std::to_string(kMaxSide));
    if (form_.channels < 1 || form_.channels > imaging::kMaxChannels)
      return refuse("is a TIFF of " + std::to_string(form_.channels) + " channels; 1 to " +
                    std::to_string(imaging::kMaxChannels) + " are read");
    return read_numbers() && read_colors();
  }

  bool read_numbers() {
    const auto kind = tag<std::uint16_t>(tiff(), TIFFTAG_SAMPLEFORMAT);
    const bool is_whole = kind == SAMPLEFORMAT_UINT || kind == SAMPLEFORMAT_VOID;
    const int bits = form_.bits;
    if (is_whole && (bits == 1 || bits == 2 || bits == 4 || bits == 8)) {
      form_.pixels = Pixels::u8;
    } else if (is_whole && bits == 16) {
      form_.pixels = Pixels::u16;
    } else if (kind == SAMPLEFORMAT_IEEEFP && bits == 32) {
      form_.pixels = Pixels::f32;
    } else {
      return refuse("is a TIFF of " + std::to_string(bits) + "-bit " +
                    (is_whole                      ? "numbers"
                     : kind == SAMPLEFORMAT_IEEEFP ? "floating point"
                     : kind == SAMPLEFORMAT_INT    ? "numbers with a sign"
                                                   : "complex numbers") +
                    "; 8 and 16 bits without a sign and 32-bit floating point are read");
    }
    return bits >= 8 || form_.channels == 1 || refuse("is a TIFF of several channels of less than a byte");
  }

  bool read_colors() {
    std::uint16_t meaning = PHOTOMETRIC_MINISBLACK;
    TIFFGetField(tiff(), TIFFTAG_PHOTOMETRIC, &meaning);
    form_.white_is_zero = meaning == PHOTOMETRIC_MINISWHITE;
    form_.is_rgb = meaning == PHOTOMETRIC_RGB || meaning == PHOTOMETRIC_YCBCR;
    if (meaning == PHOTOMETRIC_YCBCR) {
      if (tag<std::uint16_t>(tiff(), TIFFTAG_COMPRESSION) != COMPRESSION_JPEG)
        return refuse("is a TIFF of YCbCr colours, which are not numbers of pixels");
      return TIFFSetField(tiff(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB) != 0;
    }
    std::uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    if (meaning != PHOTOMETRIC_PALETTE || form_.bits > 8 ||
        TIFFGetField(tiff(), TIFFTAG_COLORMAP, &red, &green, &blue) == 0)
      return true;
    for (int i = 0; i < 1 << form_.bits; ++i) {
      form_.palette.push_back({static_cast<std::uint8_t>(red[i] >> 8),
                               static_cast<std::uint8_t>(green[i] >> 8),
                               static_cast<std::uint8_t>(blue[i] >> 8)});
    }
    return true;
  }

  bool start_tiles(std::uint64_t file_bytes) {
    tile_width_ = tag<std::uint32_t>(tiff(), TIFFTAG_TILEWIDTH);
    const std::int64_t height = tag<std::uint32_t>(tiff(), TIFFTAG_TILELENGTH);
    constexpr std::int64_t kMaxSide = 1 << 16;
    if (tile_width_ < 1 || height < 1 || tile_width_ > kMaxSide || height > kMaxSide)
      return refuse("is a TIFF of tiles of no size, or of too large ones");
    const std::int64_t numbers = tile_width_ * form_.channels / planes_;
    tile_row_bytes_ = (numbers * form_.bits + 7) / 8;
    const std::int64_t rows = std::min(height, form_.height);
    if (rows * form_.row_bytes() > kMaxPiece || height * tile_row_bytes_ > kMaxPiece)
      return refuse("is a TIFF whose rows of tiles take more than " + std::to_string(kMaxPiece >> 20) +
                    " MiB");
    if (!may_claim(height * tile_row_bytes_, file_bytes))
      return refuse("is a TIFF that is too short for the size of tiles that it claims");
    if (pads_too_much(height)) return refuse("is a TIFF whose tiles are mostly outside of the picture");
    if (TIFFTileSize64(tiff()) != static_cast<std::uint64_t>(height * tile_row_bytes_))
      return refuse("is a TIFF of tiles of an unexpected size");
    tile_height_ = height;
    packed_.resize(static_cast<std::size_t>(height * tile_row_bytes_));
    plane_row_.resize(static_cast<std::size_t>(numbers * form_.bytes_of_number()));
    band_.resize(static_cast<std::size_t>(rows * form_.row_bytes()));
    return true;
  }

  // Every tile is decoded whole, however little of it the picture has: of all tiles together, a few pictures
  // and what small pictures in usual tiles need.
  bool pads_too_much(std::int64_t tile_height) const {
    constexpr std::int64_t kPictures = 4, kMaxPadding = std::int64_t{64} << 20;
    const std::int64_t across = (form_.width + tile_width_ - 1) / tile_width_;
    const std::int64_t down = (form_.height + tile_height - 1) / tile_height;
    const std::int64_t most = kPictures * form_.height * form_.row_bytes() + kMaxPadding;
    return across * down * planes_ > most / (tile_height * tile_row_bytes_);
  }

  // A plane's numbers of some pixels into the pixels.
  void spread(const std::byte* from, std::int64_t pixels, std::int64_t plane, std::byte* to) const {
    const std::int64_t bytes = form_.bytes_of_number();
    if (planes_ == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(pixels * form_.channels * bytes));
      return;
    }
    to += plane * bytes;
    for (std::int64_t i = 0; i < pixels; ++i, from += bytes, to += form_.channels * bytes)
      std::memcpy(to, from, static_cast<std::size_t>(bytes));
  }

  bool next_of_strips(std::byte* out) {
    const std::int64_t strips = (form_.height + strip_height_ - 1) / strip_height_;
    for (std::int64_t plane = 0; plane < planes_; ++plane) {
      Handle& handle = handles_[static_cast<std::size_t>(plane)];
      // Programs that write only what is not 0 leave strips out.
      const auto strip = static_cast<std::uint32_t>(plane * strips + row_ / strip_height_);
      if (TIFFGetStrileByteCount(handle.tiff.get(), strip) == 0) {
        std::ranges::fill(packed_, std::byte{0});
      } else if (TIFFReadScanline(handle.tiff.get(), packed_.data(), static_cast<std::uint32_t>(row_),
                                  static_cast<std::uint16_t>(plane)) != 1 ||
                 !handle.source.said.empty()) {
        return false;
      }
      unpack(packed_.data(), form_.width * form_.channels / planes_, form_.bits, plane_row_.data());
      spread(plane_row_.data(), form_.width, plane, out);
    }
    return true;
  }

  bool next_of_tiles(std::byte* out) {
    if (row_ % tile_height_ == 0 && !read_tiles()) return false;
    std::memcpy(out, band_.data() + row_ % tile_height_ * form_.row_bytes(),
                static_cast<std::size_t>(form_.row_bytes()));
    return true;
  }

  // The row of tiles that begins at the row.
  bool read_tiles() {
    const std::int64_t rows = std::min(tile_height_, form_.height - row_);
    const std::int64_t channels = form_.channels / planes_;
    for (std::int64_t plane = 0; plane < planes_; ++plane) {
      for (std::int64_t left = 0; left < form_.width; left += tile_width_) {
        const std::uint32_t tile =
            TIFFComputeTile(tiff(), static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(row_), 0,
                            static_cast<std::uint16_t>(plane));
        const auto size = static_cast<tmsize_t>(packed_.size());
        if (TIFFGetStrileByteCount(tiff(), tile) == 0) {
          std::ranges::fill(packed_, std::byte{0});
        } else if (TIFFReadEncodedTile(tiff(), tile, packed_.data(), size) != size) {
          return false;
        }
        const std::int64_t pixels = std::min(tile_width_, form_.width - left);
        for (std::int64_t y = 0; y < rows; ++y) {
          unpack(packed_.data() + y * tile_row_bytes_, pixels * channels, form_.bits, plane_row_.data());
          spread(plane_row_.data(), pixels, plane,
                 band_.data() + y * form_.row_bytes() + left * form_.channels * form_.bytes_of_number());
        }
      }
    }
    return true;
  }

  std::deque<Handle> handles_;  // of a file in strips, one for each plane
  std::string refused_;
  std::int64_t planes_ = 1;
  std::int64_t row_ = 0;  // the next
  std::int64_t strip_height_ = 1;
  std::int64_t tile_width_ = 0;
  std::int64_t tile_height_ = 0;  // 0: the file is in strips
  std::int64_t tile_row_bytes_ = 0;
  std::vector<std::byte> packed_;     // a row or a tile, as libtiff gives it
  std::vector<std::byte> plane_row_;  // numbers of a row, unpacked
  std::vector<std::byte> band_;       // a row of tiles
};

}  // namespace
}  // namespace graphrun::datasets

extern "C" graphrun::datasets::RowReader* graphrun_open_tiff(const graphrun::datasets::ByteSource& source,
                                                             std::string& reason) {
  try {
    return graphrun::datasets::TiffRows::open(source, reason);
  } catch (const std::exception& error) {
    reason = std::string("cannot be decoded: ") + error.what();
    return nullptr;
  }
}
static_assert(std::is_same_v<decltype(&graphrun_open_tiff), graphrun::datasets::OpenTiff>);
