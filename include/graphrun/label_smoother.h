#pragma once

#include <vector>

#include "graphrun/api.h"
#include "graphrun/image.h"
#include "graphrun/status.h"

// Steadies the label maps of a video, whose classes else flicker where the network is not sure:
//
//     graphrun::LabelSmoother smoother(0.6);
//     graphrun::Result<graphrun::LabelMap> map = labeler->label(frame, {.probabilities = true});
//     if (map.ok()) map = smoother.next(*std::move(map));
namespace graphrun {

// Exponential moving average of the probabilities of each pixel, frame by frame: q = keep * q_before +
// (1 - keep) * p, and the class is the first of the largest q. Nothing is moved with what moves in the video:
// a fast object leaves its class behind for a few frames. For one video and one thread; copies go their own
// ways.
class GRAPHRUN_API LabelSmoother {
 public:
  // `keep`: from 0 (every frame alone) to below 1. A change counts for half after log(0.5) / log(keep)
  // frames.
  explicit LabelSmoother(double keep) : keep_(keep) {}

  // The map with averaged probabilities, the classes that they give, and the confidence of those if the map
  // has any. A frame of another size or of other classes starts anew. Errors (invalid_argument): `keep`
  // beyond its range, a map without probabilities; out_of_memory.
  Result<LabelMap> next(LabelMap map);
  // The next frame stands alone, as after a cut.
  void reset() { mean_.clear(); }

 private:
  double keep_;
  std::vector<float> mean_{};  // class by class
  std::int64_t width_ = 0;     // of the frames before
};

}  // namespace graphrun
