#pragma once

#include <cstdint>

#include "graphrun/status.h"
#include "graphrun/tiled.h"
#include "runtime/labelling/protocol.h"

namespace graphrun::labelling {

// Bytes.
struct TiledMemory {
  std::int64_t most;                             // of all (reserve_memory)
  std::int64_t window = std::int64_t{96} << 20;  // about, of the planes of a window
  std::int64_t band = std::int64_t{128} << 20;   // about, of rows of the image; three crops' at least
};

// Errors (invalid_argument): a protocol other than slide at the image's own size, which alone is the same in
// windows as in one piece.
Status check_tiled(const ProtocolSettings& settings);

// Labels an image by windows, with the label map that `protocol`, of these settings, would give of the image
// in one piece. In memory are the rows that a row of windows reads, and one window with its sums: as much as
// the image's width takes, whatever its height. Errors: check_tiled(), an image that is none, what
// `image.read` and `write` say. Of `wanted`, windows have the confidence.
Status label_tiled(Protocol& protocol, const ProtocolSettings& settings, const TiledImage& image,
                   const TiledMemory& memory, const WindowSink& write, const LabelDetails& wanted = {});

}  // namespace graphrun::labelling
