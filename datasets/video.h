#pragma once

#include <filesystem>
#include <memory>

#include "datasets/codecs/frame_reader.h"
#include "graphrun/status.h"
#include "runtime/core/atomic_file.h"

namespace graphrun::datasets {

// A video file in any form that FFmpeg reads; its decoders see the bytes, and what they do with a hostile
// file is not in this project's hands (SECURITY.md). Errors: not_found; invalid_file: no video; unsupported:
// the library of video codecs is not installed.
Result<std::unique_ptr<FrameReader>> open_video(const std::filesystem::path& path);

// An MP4 file that appears whole or not at all.
class VideoWriter {
 public:
  // `rate`: frames a second. Errors: io; unsupported: no encoder, or not of this size.
  static Result<VideoWriter> create(const std::filesystem::path& path, const imaging::Extent& size,
                                    double rate);
  // Precondition: RGB of the video's size. Errors: what the encoder says.
  Status write(const imaging::Image& frame);
  // The last call.
  Status commit();

 private:
  VideoWriter(std::filesystem::path path, core::AtomicFile file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;
  core::AtomicFile file_;
  std::unique_ptr<FrameWriter> frames_;
};

}  // namespace graphrun::datasets
