#include <filesystem>

#include "datasets/descriptor.h"
#include "tests/fuzz/input_file.h"

// A descriptor of a data set. Its rule makes classes of the ids or colours of a small label.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const auto descriptor = datasets::parse_descriptor(fuzz::text_of(data, size), "set.json");
  if (!descriptor.ok()) return 0;
  const std::filesystem::path file = "labels/a.png";
  const datasets::LabelRule& rule = datasets::label_rule(*descriptor, file);
  const datasets::LabelImage label{2, 2, {0, 1, 0, 1}, {{0, 0, 0}, {1, 2, 3}}};
  const auto map = rule.apply(label);
  if (!map.ok()) return 0;
  for (const ClassId id : map->ids) fuzz::require(id == imaging::kIgnoredClass || id < rule.classes());
  return 0;
}
