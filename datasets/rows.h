#pragma once

#include <filesystem>
#include <memory>

#include "datasets/codecs/row_reader.h"
#include "graphrun/status.h"
#include "runtime/imaging/image_form.h"

namespace graphrun::datasets {

// A regular file, of which nothing is kept in memory.
Result<std::unique_ptr<ByteSource>> open_source(const std::filesystem::path& path);

// The rows of a PNG, JPEG or TIFF file as 8-bit RGB (`as_picture`), or as its numbers are stored.
Result<std::unique_ptr<RowReader>> open_stored_rows(const ByteSource& source, bool as_picture);

// The rows of a PNG, JPEG or TIFF file: of a picture 8-bit RGB, else the numbers as they are stored. `source`
// must outlive the reader. Errors: another format; a file whose rows do not come in their order and that is
// too large to be taken apart in memory (interlaced, progressive); channels or numbers other than `form`'s.
Result<std::unique_ptr<RowReader>> open_rows(const ByteSource& source, const imaging::ImageForm& form);

}  // namespace graphrun::datasets
