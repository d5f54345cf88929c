#pragma once

#include <memory>

#include "datasets/codecs/row_reader.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// Memory of a progressive picture, whose rows are complete only at the end of the file.
inline constexpr std::int64_t kMaxProgressiveBytes = std::int64_t{256} << 20;

// A JPEG by rows: as 8-bit RGB (the pixels of decode_jpeg), or, where it is grey and not to be a picture, as
// one channel. `source` must outlive the reader. Errors: as decode_jpeg; a progressive one that is larger
// than kMaxProgressiveBytes.
Result<std::unique_ptr<RowReader>> open_jpeg_rows(const ByteSource& source, bool as_picture);

}  // namespace graphrun::datasets
