#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/codecs/row_reader.h"

namespace graphrun::datasets {

// A file that is written piece by piece.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;
  virtual bool write(std::uint64_t at, const void* bytes, std::size_t count) = 0;
};

// A picture of ids.
struct IdPicture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool wide = false;                    // 16 bits an id, else 8
  std::vector<imaging::Color> palette;  // of 8-bit ids: a picture in these colours; empty: grey
};

// Rows of ids from the top, each once.
class RowWriter {
 public:
  RowWriter() = default;
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;
  virtual ~RowWriter() = default;
  // `rows`: dense, a byte an id, or two as the machine has them. False and a reason where they cannot be
  // written.
  virtual bool write(std::int64_t count, const std::byte* rows, std::string& reason) = 0;
  // After the last row.
  virtual bool finish(std::string& reason) = 0;
};

inline constexpr char kTiffWriterFunction[] = "graphrun_create_tiff";
// A TIFF in tiles, compressed by deflate; a BigTIFF where it may need more than 4 GB. Of `like`, a TIFF,
// where there is one, it has the tags that say where on the earth it lies (GeoTIFF 1.1). Sink and `like` must
// outlive the writer, which the caller deletes; null and a reason where there is none.
using CreateTiff = RowWriter* (*)(ByteSink& sink, const IdPicture& form, const ByteSource* like,
                                  std::string& reason);

}  // namespace graphrun::datasets
