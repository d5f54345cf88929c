#pragma once

#include <cstdint>
#include <string>

#include "runtime/imaging/image.h"

// What crosses into the library of video codecs and back. A library of its own, opened when a video needs it:
// FFmpeg, which OpenCV reads videos with, comes with some 150 more.
namespace graphrun::datasets {

inline constexpr char kVideoLibrary[] = "libgraphrun_video.so";

// The pictures of a video, in the order in which they are shown, each once.
class FrameReader {
 public:
  FrameReader() = default;
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  virtual ~FrameReader() = default;
  const imaging::Extent& size() const { return size_; }
  // A second; 0 where the file does not say.
  double rate() const { return rate_; }
  // What the file says, which may be wrong; 0 where it does not.
  std::int64_t frames() const { return frames_; }
  // 8-bit RGB, upright. False at the end, where `reason` is empty, or where there is no memory.
  virtual bool next(imaging::Image& frame, std::string& reason) = 0;

 protected:
  imaging::Extent size_;
  double rate_ = 0;
  std::int64_t frames_ = 0;
};

class FrameWriter {
 public:
  FrameWriter() = default;
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;
  virtual ~FrameWriter() = default;
  // Precondition: 8-bit RGB of the writer's size.
  virtual bool write(const imaging::Image& frame, std::string& reason) = 0;
};

inline constexpr char kOpenVideoFunction[] = "graphrun_open_video";
// Null and a reason for a file that is no video. The caller deletes the reader.
using OpenVideo = FrameReader* (*)(const char* path, std::string& reason);

inline constexpr char kCreateVideoFunction[] = "graphrun_create_video";
// An MP4 of H.264, or where FFmpeg has no encoder of that, of MPEG-4; a side that is odd gets one more pixel.
// It is complete when the writer, which the caller deletes, is gone. Null and a reason where there is none.
using CreateVideo = FrameWriter* (*)(const char* path, const imaging::Extent& size, double rate,
                                     std::string& reason);

}  // namespace graphrun::datasets
