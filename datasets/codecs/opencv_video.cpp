#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>
#include <string>
#include <type_traits>

#include "datasets/codecs/frame_reader.h"
#include "datasets/codecs/opencv_picture.h"

namespace graphrun::datasets {
namespace {

constexpr std::int64_t kMaxSide = 16384;  // pixels; no standard of video has more

class OpenCvReader final : public FrameReader {
 public:
  static OpenCvReader* open(const char* path, std::string& reason) {
    auto reader = std::make_unique<OpenCvReader>();
    // By FFmpeg alone: others take a path for a pattern of names, or for a device.
    reason = "is no video that FFmpeg reads";
    if (!reader->video_.open(path, cv::CAP_FFMPEG)) return nullptr;
    const double width = reader->video_.get(cv::CAP_PROP_FRAME_WIDTH);
    const double height = reader->video_.get(cv::CAP_PROP_FRAME_HEIGHT);
    reason = "has frames of a size that is not read";
    if (!(width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide)) return nullptr;
    // What the file says of a turned video is its size before it is turned.
    reason = "holds no frame that can be decoded";
    if (!reader->video_.read(reader->ahead_)) return nullptr;
    reader->size_ = {reader->ahead_.rows, reader->ahead_.cols};
    const double rate = reader->video_.get(cv::CAP_PROP_FPS);
    reader->rate_ = rate > 0 && rate < 1000 ? rate : 0;
    const double frames = reader->video_.get(cv::CAP_PROP_FRAME_COUNT);
    reader->frames_ = frames > 0 && frames < 1e12 ? static_cast<std::int64_t>(frames) : 0;
    return reader.release();
  }

  bool next(imaging::Image& frame, std::string& reason) override {
    try {
      reason.clear();
      if (ahead_.empty()) return false;
      if (ahead_.type() != CV_8UC3 || ahead_.rows != size_.height || ahead_.cols != size_.width) {
        reason = "changes its size or kind on the way";
        return false;
      }
      take_rgb(ahead_, frame);
      if (!video_.read(ahead_)) ahead_.release();
    } catch (const std::exception& error) {
      reason = std::string("cannot be decoded: ") + error.what();
      return false;
    }
    return true;
  }

 private:
  cv::VideoCapture video_;
  cv::Mat ahead_;  // empty at the end
};

class OpenCvWriter final : public FrameWriter {
 public:
  static OpenCvWriter* create(const char* path, const imaging::Extent& size, double rate,
                              std::string& reason) {
    auto writer = std::make_unique<OpenCvWriter>();
    // Encoders halve the resolution of colour.
    writer->frame_.create(static_cast<int>(size.height + size.height % 2),
                          static_cast<int>(size.width + size.width % 2), CV_8UC3);
    for (const int kind :
         {cv::VideoWriter::fourcc('a', 'v', 'c', '1'), cv::VideoWriter::fourcc('m', 'p', '4', 'v')}) {
      if (writer->video_.open(path, cv::CAP_FFMPEG, kind, rate, writer->frame_.size()))
        return writer.release();
    }
    reason = "FFmpeg writes no MP4 of this size here";
    return nullptr;
  }

  bool write(const imaging::Image& frame, std::string& reason) override {
    try {
      for (int row = 0; row < frame_.rows; ++row) {
        const std::int64_t from_row = std::min<std::int64_t>(row, frame.height - 1);
        const std::uint8_t* const from = frame.rgb.data() + 3 * from_row * frame.width;
        auto* to = frame_.ptr<std::uint8_t>(row);
        for (int column = 0; column < frame_.cols; ++column, to += 3) {
          const std::uint8_t* const pixel = from + 3 * std::min<std::int64_t>(column, frame.width - 1);
          std::reverse_copy(pixel, pixel + 3, to);
        }
      }
      video_.write(frame_);
    } catch (const std::exception& error) {
      reason = std::string("cannot be encoded: ") + error.what();
      return false;
    }
    return true;
  }

 private:
  cv::VideoWriter video_;
  cv::Mat frame_;
};

}  // namespace
}  // namespace graphrun::datasets

extern "C" graphrun::datasets::FrameReader* graphrun_open_video(const char* path, std::string& reason) {
  try {
    return graphrun::datasets::OpenCvReader::open(path, reason);
  } catch (const std::exception& error) {
    reason = std::string("cannot be opened: ") + error.what();
    return nullptr;
  }
}
static_assert(std::is_same_v<decltype(&graphrun_open_video), graphrun::datasets::OpenVideo>);

extern "C" graphrun::datasets::FrameWriter* graphrun_create_video(const char* path,
                                                                  const graphrun::imaging::Extent& size,
                                                                  double rate, std::string& reason) {
  try {
    return graphrun::datasets::OpenCvWriter::create(path, size, rate, reason);
  } catch (const std::exception& error) {
    reason = std::string("cannot be written: ") + error.what();
    return nullptr;
  }
}
static_assert(std::is_same_v<decltype(&graphrun_create_video), graphrun::datasets::CreateVideo>);
