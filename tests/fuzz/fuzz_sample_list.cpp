#include "datasets/sample_list.h"
#include "tests/fuzz/input_file.h"

// A list of images and labels, or of names. No path leaves the folder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  datasets::Split pairs;
  pairs.list = "list.txt";
  pairs.labelled = true;
  datasets::Split names = pairs;
  names.image_pattern = "images/{}.jpg";
  names.label_pattern = "labels/{}.png";
  for (const datasets::Split& split : {pairs, names}) {
    const auto samples = datasets::parse_list(fuzz::text_of(data, size), "list.txt", split, "root");
    if (!samples.ok()) continue;
    for (const datasets::SamplePath& sample : *samples) {
      const std::string image = std::filesystem::path(sample.image).lexically_normal().string();
      fuzz::require(image.starts_with("root/"));
    }
  }
  return 0;
}
