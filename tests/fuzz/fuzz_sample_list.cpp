#include <algorithm>
#include <fstream>

#include "datasets/sample_list.h"
#include "tests/fuzz/input_file.h"

namespace {

using namespace graphrun;
namespace fs = std::filesystem;

// The input's first lines as files of a folder, where they can be names, in folders for letters that end in
// '+'.
void make_files(const fs::path& folder, std::string_view text) {
  constexpr std::size_t kMaxFiles = 8, kMaxName = 64;
  for (std::size_t i = 0; i < kMaxFiles && !text.empty(); ++i) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string name(text.substr(0, std::min(end, kMaxName)));
    text.remove_prefix(std::min(end + 1, text.size()));
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || c == '\0'; }, '_');
    if (name.empty() || name == "." || name == "..") continue;
    if (name.ends_with('+')) std::ofstream(folder / "deep" / name);
    std::ofstream(folder / name);
  }
}

void walk(std::string_view text) {
  const fuzz::InputFolder parent("list.txt", nullptr, 0);
  const fs::path folder = fs::path(parent.path()) / "images";
  fs::create_directories(folder / "deep");
  make_files(folder, text);
  datasets::Split split;
  split.labelled = true;
  split.labels = "labels";
  split.label_suffix = ".png";
  for (const char* suffix : {"", ".jpg"}) {
    split.image_suffix = suffix;
    const auto samples = datasets::list_samples(split, parent.path(), folder);
    if (!samples.ok()) continue;
    std::vector<std::string> names;
    for (const datasets::SamplePath& sample : *samples) {
      fuzz::require(sample.image.starts_with(folder.string()));
      fuzz::require(sample.label.starts_with(parent.path() + "/labels/"));
      names.push_back(sample.name);
    }
    (void)datasets::check_unique_names(names).ok();
  }
}

}  // namespace

// A list of images and labels, or of names, or the names of a folder's files. No path leaves the folder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  datasets::Split pairs;
  pairs.list = "list.txt";
  pairs.labelled = true;
  datasets::Split names = pairs;
  names.image_pattern = "images/{}.jpg";
  names.label_pattern = "labels/{}.png";
  const fuzz::InputFile list(data, size);
  for (const datasets::Split& split : {pairs, names}) {
    const auto samples = datasets::list_samples(split, "root", list.path());
    if (!samples.ok()) continue;
    for (const datasets::SamplePath& sample : *samples) {
      const std::string image = fs::path(sample.image).lexically_normal().string();
      fuzz::require(image.starts_with("root/"));
    }
  }
  // Folders take a hundred times as long as lists.
  constexpr std::size_t kLongest = 96;
  if (size <= kLongest && size % 4 == 0) walk(fuzz::text_of(data, size));
  return 0;
}
