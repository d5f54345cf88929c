#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "datasets/codecs/row_writer.h"
#include "graphrun/image.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// A label map that is written by rows, whole or not at all: PNG, or TIFF in tiles where the name ends in
// .tif.
class LabelWriter {
 public:
  // `like`: of a TIFF, the picture whose place on the earth it has; may be null. Errors: the folder, the
  // codecs' library.
  static Result<std::unique_ptr<LabelWriter>> create(const std::filesystem::path& path, const IdPicture& form,
                                                     const std::filesystem::path* like);
  LabelWriter(const LabelWriter&) = delete;
  LabelWriter& operator=(const LabelWriter&) = delete;
  ~LabelWriter();

  // The next rows. Errors: io; an id that 8 bits do not hold.
  Status write(std::span<const ClassId> ids);
  // After the last.
  Status commit();

 private:
  struct State;
  explicit LabelWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace graphrun::datasets
