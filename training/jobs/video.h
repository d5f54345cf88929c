#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/labelling/labelling.h"
#include "training/evaluation/pictures.h"

namespace graphrun::training {

struct VideoFolder {
  std::filesystem::path folder;         // of gray/ and overlay/
  std::vector<imaging::Color> palette;  // of each class
  ProbabilityFiles files;               // of each frame
  double smoothing = 0;                 // LabelSmoother's `keep`; 0: every frame alone
};

// Frames that are done, and how many there are as far as the file knows (0: it does not).
using VideoProgress = std::function<void(std::int64_t, std::int64_t)>;

struct LabelledVideo {
  std::int64_t frames = 0;
  std::int64_t announced = 0;  // by the file; more than `frames` where its end could not be decoded
};

// Labels every frame of a video and writes gray/NAME-000000.png (class ids) and so on, and overlay/NAME.mp4
// with the colours over the frames. A frame is decoded while the network has the one before in hand. Errors:
// a file that is no video, a network of other images than RGB, memory, the disk.
Result<LabelledVideo> label_video(const std::string& file, const labelling::Labelling& labelling,
                                  const VideoFolder& out, const VideoProgress& progress);

}  // namespace graphrun::training
