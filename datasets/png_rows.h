#pragma once

#include <memory>

#include "datasets/codecs/row_reader.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// Memory of an interlaced picture, whose rows are complete only at the end of the file.
inline constexpr std::int64_t kMaxInterlacedBytes = std::int64_t{256} << 20;

// A PNG by rows: as 8-bit RGB (Pixels::picture, the pixels of decode_png), or its numbers as they are stored.
// `source` must outlive the reader. Errors (invalid_file): no PNG, a damaged one; an interlaced one that is
// larger than kMaxInterlacedBytes.
Result<std::unique_ptr<RowReader>> open_png_rows(const ByteSource& source, bool as_picture);

}  // namespace graphrun::datasets
