#include <filesystem>

#include "datasets/image_io.h"
#include "datasets/import/import.h"
#include "tests/fuzz/input_file.h"

// Annotations of COCO or LabelMe, of the image a.png beside them. What is imported is a data set.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFolder folder("a.json", data, size);
  const std::filesystem::path path = folder.path();
  constexpr std::int64_t kHeight = 12, kWidth = 16;
  const imaging::Image image{kHeight, kWidth, std::vector<std::uint8_t>(3 * kHeight * kWidth)};
  fuzz::require(datasets::write_rgb_png(path / "a.png", image).ok());
  datasets::ImportRequest request;
  request.source = path / "a.json";
  for (const auto& import : {datasets::import_coco, datasets::import_labelme}) {
    request.output = path / (import == datasets::import_coco ? "coco" : "labelme");
    const auto imported = import(request);
    if (imported.ok()) fuzz::require(std::filesystem::exists(imported->descriptor));
  }
  return 0;
}
