#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace graphrun::datasets {

// Files that lie in the folders of a split and in none of its samples, of one kind.
struct Unlisted {
  std::string what;  // "labels without an image"
  std::int64_t count = 0;
  std::vector<std::string> examples;  // relative to the data root
};

// What a directory layout did not take, and the images whose label is not there; nothing where samples are
// listed in a file. Reads the folders again, no file.
Result<std::vector<Unlisted>> find_unlisted(const SplitFiles& files);

// One line: "3 labels without an image, e.g. labels/a.png, labels/b.png".
std::string describe(const Unlisted& unlisted);

}  // namespace graphrun::datasets
