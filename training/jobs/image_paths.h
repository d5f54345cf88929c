#pragma once

#include <string>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::training {

// Images as a user names them: files, and folders that stand for the images that lie in them.
struct ImagePaths {
  std::vector<std::string> images;  // files as they were named; those of a folder by name
  std::vector<std::string> others;  // what else lies in the folders
};

// Errors: nothing of that name; a folder without an image.
Result<ImagePaths> find_images(const std::vector<std::string>& names);

// "3 files of the folders are no images: notes.txt, ..."
std::string describe_others(const ImagePaths& paths);

}  // namespace graphrun::training
