#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/descriptor.h"

// Files with the classes of a data set, as tools and collections have them.
namespace graphrun::datasets {

// A name a line.
Result<std::vector<std::string>> read_class_names(const std::filesystem::path& file);

// A line has a name and red, green and blue in any order and with any of blank , ; : between: `64 128 64
// Animal`, `name,r,g,b` (a first line of names of columns is left out), CVAT's `road:128,64,128::`.
Result<std::vector<ClassInfo>> read_class_colors(const std::filesystem::path& file);

// The name of what counts nowhere: void, unlabelled, ignore, ...
bool is_void_name(std::string_view name);

// The first of class_dict.csv, label_colors.txt, labelmap.txt, ... that a folder has; empty: none.
std::filesystem::path find_class_colors(const std::filesystem::path& folder);

}  // namespace graphrun::datasets
