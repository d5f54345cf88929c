#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/image_io.h"
#include "graphrun/status.h"
#include "runtime/imaging/image_form.h"

// Images that are more than pictures: any number of channels, of 8 or 16 bits or floating point, in one file
// or several.
namespace graphrun::datasets {

struct ImageSource {
  imaging::ImageForm form;
  // Where an image is several files, whose channels lie behind each other: what their paths have in the place
  // of the first of these, which the sample's path has. Empty: an image is one file.
  std::vector<std::string> files;
};

// The image that begins with the file `path`, upright. A picture is read as read_upright_image() does; others
// are PNG (8 or 16 bits), TIFF, JPEG or .npy ((H, W), (H, W, channels) or (channels, H, W)), whose numbers
// are floats then. Errors: the channels or the numbers are not those of `source.form`; files of different
// sizes; `path` does not have the first of `source.files`.
Result<UprightImage> read_upright_image(const std::filesystem::path& path, const ImageSource& source);
Result<imaging::Image> read_image(const std::filesystem::path& path, const ImageSource& source);
// From the first file's header.
Result<imaging::Extent> read_image_size(const std::filesystem::path& path, const ImageSource& source);

// The files of an image.
Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& path,
                                                    const ImageSource& source);

// Numbers as they lie in memory, as floats.
void widen(const std::byte* from, std::int64_t count, imaging::ImageForm::Pixels pixels, float* to);

// 8-bit RGB for people to look at: the image itself; of others the first three channels, or the first in
// grey, each stretched between the 2nd and the 98th percentile of its numbers.
imaging::Image picture_of(const imaging::Image& image);

}  // namespace graphrun::datasets
