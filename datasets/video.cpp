#include "datasets/video.h"

#include <string>
#include <utility>

#include "datasets/codecs_library.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

Result<std::unique_ptr<FrameReader>> open_video(const std::filesystem::path& path) try {
  GRAPHRUN_TRY(status_of(core::OpenFile::open(path)));
  GRAPHRUN_ASSIGN(void* const function, video_function(kOpenVideoFunction));
  std::string reason;
  std::unique_ptr<FrameReader> reader(reinterpret_cast<OpenVideo>(function)(path.c_str(), reason));
  if (reader == nullptr) return {ErrorCode::invalid_file, path.string() + ": " + reason};
  return reader;
} catch (...) {
  return core::caught();
}

Result<VideoWriter> VideoWriter::create(const std::filesystem::path& path, const imaging::Extent& size,
                                        double rate) try {
  GRAPHRUN_ASSIGN(void* const function, video_function(kCreateVideoFunction));
  // FFmpeg knows what to write by the end of the name.
  GRAPHRUN_ASSIGN(core::AtomicFile file,
                  core::AtomicFile::create(path.string(), core::AtomicFile::Access::shared, ".mp4"));
  VideoWriter writer(path, std::move(file));
  std::string reason;
  writer.frames_.reset(
      reinterpret_cast<CreateVideo>(function)(writer.file_.temporary().c_str(), size, rate, reason));
  if (writer.frames_ == nullptr) return {ErrorCode::unsupported, path.string() + ": " + reason};
  return writer;
} catch (...) {
  return core::caught();
}

Status VideoWriter::write(const imaging::Image& frame) try {
  std::string reason;
  if (frames_->write(frame, reason)) return {};
  return {ErrorCode::io, path_.string() + ": " + reason};
} catch (...) {
  return core::caught();
}

Status VideoWriter::commit() {
  frames_.reset();  // writes the end
  return file_.commit();
}

}  // namespace graphrun::datasets
