#include "runtime/labelling/tiled.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "runtime/imaging/image.h"
#include "runtime/imaging/resample.h"
#include "runtime/imaging/slide_grid.h"
#include "runtime/imaging/tile_axis.h"
#include "runtime/labelling/labelling.h"

namespace graphrun::labelling {
namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;

using imaging::TileSpan;

Status check_image(const TiledImage& image, std::int64_t channels) {
  const auto wrong = [](const std::string& what) {
    return Status(ErrorCode::invalid_argument, "the image " + what);
  };
  if (!image.read) return wrong("has nothing to read it by");
  if (image.height < 1 || image.width < 1 || image.height > kMaxSide || image.width > kMaxSide)
    return wrong("is " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                 " pixels; sides of 1 to " + std::to_string(kMaxSide) + " are expected");
  if (image.dtype != DType::u8 && image.dtype != DType::f32)
    return wrong("is of " + std::string(to_string(image.dtype)) + "; u8 or f32 is expected");
  if (image.channels == channels) return {};
  return wrong("has " + std::to_string(image.channels) + " channels, the network takes " +
               std::to_string(channels));
}

// Rows of the image, from `first` on.
class Band {
 public:
  explicit Band(const TiledImage& image)
      : image_(image),
        row_bytes_(static_cast<std::size_t>(image.width * image.channels) * size_of(image.dtype)) {}

  // Keeps what it has of these rows, and reads the rest.
  Status move_to(const TileSpan& rows) {
    const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(0, end_ - rows.read_begin));
    if (kept > 0 && rows.read_begin > first_)
      std::memmove(bytes_.data(),
                   bytes_.data() + static_cast<std::size_t>(rows.read_begin - first_) * row_bytes_,
                   kept * row_bytes_);
    const auto count = static_cast<std::size_t>(rows.read_end - rows.read_begin);
    bytes_.resize(std::max(bytes_.size(), count * row_bytes_));
    if (count > kept)
      GRAPHRUN_TRY(image_.read(static_cast<std::int64_t>(count - kept), bytes_.data() + kept * row_bytes_));
    first_ = rows.read_begin;
    end_ = rows.read_end;
    return {};
  }

  ImageView view(const TileSpan& columns) const {
    const std::size_t pixel = static_cast<std::size_t>(image_.channels) * size_of(image_.dtype);
    return {bytes_.data() + static_cast<std::size_t>(columns.read_begin) * pixel,
            end_ - first_,
            columns.read_end - columns.read_begin,
            image_.channels,
            image_.dtype,
            static_cast<std::int64_t>(row_bytes_)};
  }

 private:
  const TiledImage& image_;
  std::size_t row_bytes_;
  std::vector<std::byte> bytes_;
  std::int64_t first_ = 0;
  std::int64_t end_ = 0;
};

// The part of a window's labels that is kept.
LabelWindow cut(LabelMap map, const TileSpan& rows, const TileSpan& columns) {
  LabelWindow window{rows.keep_begin, columns.keep_begin, {}};
  window.map.height = rows.keep_end - rows.keep_begin;
  window.map.width = columns.keep_end - columns.keep_begin;
  const std::int64_t top = rows.keep_begin - rows.read_begin;
  const std::int64_t left = columns.keep_begin - columns.read_begin;
  const auto take = [&](const auto& from, auto& to) {
    if (from.empty()) return;
    to.reserve(static_cast<std::size_t>(window.map.height * window.map.width));
    for (std::int64_t y = 0; y < window.map.height; ++y) {
      const auto row = from.begin() + (top + y) * map.width + left;
      to.insert(to.end(), row, row + window.map.width);
    }
  };
  take(map.ids, window.map.ids);
  take(map.confidence, window.map.confidence);
  return window;
}

struct Windows {
  std::vector<TileSpan> rows;
  std::vector<TileSpan> columns;
};

Windows windows_of(const Protocol& protocol, const ProtocolSettings& settings, const TiledImage& image,
                   const TiledMemory& memory) {
  const imaging::SlideAxis rows = imaging::slide_axis(image.height, settings.test_h);
  const imaging::SlideAxis columns = imaging::slide_axis(image.width, settings.test_w);
  const std::int64_t pixel_bytes = 4 * (protocol.channels() + protocol.classes()) + 8;
  const auto side = static_cast<std::int64_t>(std::sqrt(memory.window / pixel_bytes));
  const std::int64_t row_bytes =
      image.width * image.channels * static_cast<std::int64_t>(size_of(image.dtype));
  return {imaging::tile_spans(rows, imaging::crops_within(rows, std::min(side, memory.band / row_bytes))),
          imaging::tile_spans(columns, imaging::crops_within(columns, side))};
}

std::vector<imaging::Extent> sizes_of(const Windows& windows) {
  std::vector<imaging::Extent> sizes;
  for (const TileSpan& row : windows.rows) {
    for (const TileSpan& column : windows.columns) {
      const imaging::Extent size{row.read_end - row.read_begin, column.read_end - column.read_begin};
      if (std::ranges::find(sizes, size) == sizes.end()) sizes.push_back(size);
    }
  }
  return sizes;
}

}  // namespace

Status check_tiled(const ProtocolSettings& settings) {
  const auto wrong = [](const std::string& what) {
    return Status(ErrorCode::invalid_argument, "labelling by windows " + what);
  };
  if (settings.name != model::kSlideProtocol)
    return wrong("takes the protocol slide, not " + settings.name +
                 ": a window sees no more than its crops do");
  if (settings.base_size != 0) return wrong("leaves images at their own size: base_size has to be 0");
  if (settings.scales != std::vector<double>{1}) return wrong("is done at scale 1 alone");
  return {};
}

Status label_tiled(Protocol& protocol, const ProtocolSettings& settings, const TiledImage& image,
                   const TiledMemory& memory, const WindowSink& write, const LabelDetails& wanted) {
  GRAPHRUN_TRY(check_tiled(settings));
  GRAPHRUN_TRY(check_image(image, protocol.channels()));
  const Windows windows = windows_of(protocol, settings, image, memory);
  constexpr std::int64_t kLabelBytes =
      2 * (sizeof(ClassId) + sizeof(float));  // of a pixel, and what is kept of it
  GRAPHRUN_TRY(status_of(reserve_memory(protocol, sizes_of(windows), kLabelBytes, memory.most)));
  Band band(image);
  for (const TileSpan& rows : windows.rows) {
    GRAPHRUN_TRY(band.move_to(rows));
    for (const TileSpan& columns : windows.columns) {
      GRAPHRUN_ASSIGN(LabelMap map, protocol.label(band.view(columns), {.confidence = wanted.confidence}));
      GRAPHRUN_TRY(write(cut(std::move(map), rows, columns)));
    }
  }
  return {};
}

}  // namespace graphrun::labelling
