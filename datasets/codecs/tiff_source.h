#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <string>

#include "datasets/codecs/row_reader.h"

namespace graphrun::datasets {

// What libtiff sees of a file, and the first thing it has to say about it.
struct TiffSource {
  const ByteSource& file;
  std::uint64_t at = 0;
  std::string said{};
};

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffHandle = std::unique_ptr<TIFF, CloseTiff>;

// Never mapped, never louder than `source.said`, and no single piece of memory above `max_bytes`. Null where
// the file is no TIFF. `source` must outlive the handle.
TiffHandle open_tiff(TiffSource& source, std::int64_t max_bytes);

}  // namespace graphrun::datasets
