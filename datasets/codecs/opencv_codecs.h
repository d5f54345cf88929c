#pragma once

#include <string>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// Decodes any image that libtiff or OpenCV can, as 8-bit RGB and as stored; false and a reason where they
// cannot. A library of its own, opened when an image needs it: OpenCV's codecs come with 130 more, which take
// as long to load as a small network takes to run.
inline constexpr char kCodecsLibrary[] = "libgraphrun_codecs.so";
inline constexpr char kCodecsFunction[] = "graphrun_decode_image";
using DecodeImage = bool (*)(std::string& file, imaging::Image& image, std::string& reason);

}  // namespace graphrun::datasets
