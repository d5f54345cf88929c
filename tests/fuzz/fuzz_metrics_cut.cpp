#include <filesystem>

#include "tests/fuzz/input_file.h"
#include "training/run/json_lines.h"

// The log of a run that is resumed: what is cut is cut once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFolder folder("metrics.jsonl", data, size);
  const std::string path = folder.path() + "/metrics.jsonl";
  constexpr std::int64_t kLast = 5;
  if (!training::JsonLines::open(path, "iter", kLast).ok()) return 0;
  const auto kept = std::filesystem::file_size(path);
  fuzz::require(kept <= size + 1);
  fuzz::require(training::JsonLines::open(path, "iter", kLast).ok());
  fuzz::require(std::filesystem::file_size(path) == kept);
  return 0;
}
