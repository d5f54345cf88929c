#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/imaging/image.h"
#include "runtime/imaging/image_form.h"

// What crosses into the codecs' library and back: it has errors as texts, for it does not link the core.
namespace graphrun::datasets {

// A file's bytes, of which only those that are asked for are in memory.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Bytes that were read: fewer than `count` at the end, or where the file cannot be read.
  virtual std::size_t read(std::uint64_t at, void* to, std::size_t count) const = 0;
};

class BytesInMemory final : public ByteSource {
 public:
  explicit BytesInMemory(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) const override {
    const std::size_t left = bytes_.size() - std::min<std::uint64_t>(at, bytes_.size());
    const std::size_t taken = std::min(left, count);
    if (taken > 0) std::memcpy(to, bytes_.data() + at, taken);
    return taken;
  }

 private:
  std::string_view bytes_;
};

// Pictures whose numbers are read as they are stored.
struct StoredForm {
  std::int64_t height = 0;  // as stored: before any orientation
  std::int64_t width = 0;
  std::int64_t channels = 0;
  imaging::ImageForm::Pixels pixels = imaging::ImageForm::Pixels::u8;  // numbers of fewer bits are u8
  int bits = 8;                                                        // of a number in the file
  int orientation = 1;                                                 // datasets/orientation.h
  bool is_rgb = false;                                                 // the first three channels are
  bool white_is_zero = false;                                          // of a grey picture
  std::vector<imaging::Color> palette;                                 // the numbers are its indices

  std::int64_t bytes_of_number() const {
    using enum imaging::ImageForm::Pixels;
    return pixels == f32 ? 4 : pixels == u16 ? 2 : 1;
  }
  std::int64_t row_bytes() const { return width * channels * bytes_of_number(); }
};

// Rows of a picture from the top, each once, in memory of a few rows or of a row of tiles.
class RowReader {
 public:
  RowReader() = default;
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  virtual ~RowReader() = default;
  const StoredForm& form() const { return form_; }
  // What another part of the file says.
  void set_orientation(int orientation) { form_.orientation = orientation; }
  // The next `count` rows, dense, channels side by side, numbers as the machine has them. False and a reason
  // where the file is damaged. Precondition: there are as many.
  virtual bool next(std::int64_t count, std::byte* out, std::string& reason) = 0;

 protected:
  StoredForm form_;
};

inline constexpr char kTiffRowsFunction[] = "graphrun_open_tiff";
// The first picture of a TIFF file. `source` must outlive the reader, which the caller deletes; null and a
// reason for a file that cannot be read so.
using OpenTiff = RowReader* (*)(const ByteSource& source, std::string& reason);

}  // namespace graphrun::datasets
