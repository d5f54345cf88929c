#include "training/jobs/video.h"

#include <fmt/format.h>

#include <array>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "datasets/sample_list.h"
#include "datasets/video.h"
#include "graphrun/label_smoother.h"
#include "runtime/core/atomic_file.h"

namespace graphrun::training {
namespace {

constexpr double kUsualRate = 25;  // frames a second, of a file that does not say

// A frame, or none at the end.
using Frame = Result<std::optional<imaging::Image>>;

Frame read_frame(datasets::FrameReader& video, const std::string& file) {
  imaging::Image frame;
  std::string reason;
  if (video.next(frame, reason)) return std::optional(std::move(frame));
  if (!reason.empty()) return {ErrorCode::invalid_file, file + ": " + reason};
  return std::optional<imaging::Image>();
}

Status take_memory(const labelling::Labelling& labelling, const imaging::Extent& size,
                   const LabelDetails& details, bool smooth) {
  // The frame in hand, the next one as OpenCV has it and as an image, and the picture with its labels.
  constexpr std::int64_t kPictures = 3 + 3 + 3 + 3 + 2;
  const std::int64_t planes = (details.confidence ? 1 : 0) +
                              (details.probabilities ? labelling.protocol().classes() : 0) * (smooth ? 2 : 1);
  const std::int64_t bytes = kPictures + planes * static_cast<std::int64_t>(sizeof(float));
  return status_of(
      labelling::reserve_memory(labelling.protocol(), std::array{size}, bytes, labelling.max_bytes()));
}

}  // namespace

Result<LabelledVideo> label_video(const std::string& file, const labelling::Labelling& labelling,
                                  const VideoFolder& out, const VideoProgress& progress) {
  labelling::Protocol& protocol = labelling.protocol();
  if (protocol.channels() != 3)
    return {ErrorCode::unsupported, file + ": the network takes images of " +
                                        std::to_string(protocol.channels()) + " channels, videos have 3"};
  GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::FrameReader> video, datasets::open_video(file));
  const bool smooth = out.smoothing > 0;
  LabelDetails details = out.files.details();
  details.probabilities = details.probabilities || smooth;
  GRAPHRUN_TRY(take_memory(labelling, video->size(), details, smooth).with_context(file));
  const std::string name = datasets::sample_name(file);
  GRAPHRUN_ASSIGN(const PictureWriter pictures,
                  PictureWriter::create_ids(out.folder, out.palette, out.files));
  GRAPHRUN_TRY(core::make_folders((out.folder / "overlay").string()));
  GRAPHRUN_ASSIGN(datasets::VideoWriter overlay,
                  datasets::VideoWriter::create(out.folder / "overlay" / (name + ".mp4"), video->size(),
                                                video->rate() > 0 ? video->rate() : kUsualRate));
  LabelSmoother smoother(out.smoothing);
  LabelledVideo done{0, video->frames()};
  const auto read = [&] { return read_frame(*video, file); };
  std::future<Frame> next = std::async(std::launch::async | std::launch::deferred, read);
  for (;; ++done.frames) {
    GRAPHRUN_ASSIGN(const std::optional<imaging::Image> frame, next.get());
    if (!frame) break;
    next = std::async(std::launch::async | std::launch::deferred, read);
    GRAPHRUN_ASSIGN(LabelMap map, protocol.label(*frame, details).with_context(file));
    if (smooth) {
      GRAPHRUN_ASSIGN(map, smoother.next(std::move(map)));
    }
    GRAPHRUN_ASSIGN(const imaging::Image overlaid,
                    pictures.write_frame(fmt::format("{}-{:06}", name, done.frames), *frame, map));
    GRAPHRUN_TRY(overlay.write(overlaid));
    progress(done.frames + 1, done.announced);
  }
  GRAPHRUN_TRY(overlay.commit());
  GRAPHRUN_TRY(pictures.finish());
  return done;
}

}  // namespace graphrun::training
