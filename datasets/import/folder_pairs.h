#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::datasets {

// Paths relative to the folder of both.
struct FolderPair {
  std::string image;
  std::string mask;
};

struct FolderPairs {
  std::string images, masks;       // the folders
  std::vector<FolderPair> pairs;   // sorted by image
  std::vector<std::string> notes;  // files without a partner
};

// Images and masks below two folders of `root`. A mask has the image's name, or that with an ending that most
// masks have (`_mask`); other extensions. An empty folder name stands for the first usual one that is there.
Result<FolderPairs> pair_folders(const std::filesystem::path& root, const std::string& images,
                                 const std::string& masks);

}  // namespace graphrun::datasets
