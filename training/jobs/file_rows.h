#pragma once

#include <memory>
#include <string>
#include <vector>

#include "datasets/image_source.h"
#include "datasets/rows.h"
#include "graphrun/status.h"

namespace graphrun::training {

// Rows of an image on disk as a network takes them, each once from the top: bytes of RGB, or floats. The
// channels of an image of several files lie behind each other.
class FileRows {
 public:
  // Errors: a file that is no TIFF, PNG or JPEG of the form, that an orientation turns, or whose rows do not
  // come in their order; files of different sizes, or with more or fewer channels in all.
  static Result<std::unique_ptr<FileRows>> open(const std::string& file, const datasets::ImageSource& source);

  // How the first file stores its numbers.
  const datasets::StoredForm& form() const { return parts_.front().rows->form(); }
  // The next `count` rows. Errors: what the decoders say, a number that is not finite.
  Status read(std::int64_t count, void* to);

 private:
  struct Part {
    std::string file;
    std::unique_ptr<datasets::ByteSource> bytes;
    std::unique_ptr<datasets::RowReader> rows;
    std::vector<std::byte> row{};  // as it is stored
    std::vector<float> numbers{};  // of a row
  };

  explicit FileRows(const datasets::ImageSource& source) : form_(source.form) {}
  Status add(const std::string& file, bool is_alone);
  Status check_channels() const;
  Status read_numbers(float* to);

  imaging::ImageForm form_;
  std::vector<Part> parts_{};
};

}  // namespace graphrun::training
