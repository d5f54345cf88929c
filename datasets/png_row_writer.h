#pragma once

#include <memory>

#include "datasets/codecs/row_writer.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// Ids as a PNG, by rows: grey of 8 or 16 bits, or of palette indices. The sink must outlive the writer.
Result<std::unique_ptr<RowWriter>> create_png(ByteSink& sink, const IdPicture& form);

}  // namespace graphrun::datasets
