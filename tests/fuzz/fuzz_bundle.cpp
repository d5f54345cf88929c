#include <algorithm>
#include <array>

#include "runtime/weights/bundle.h"
#include "tests/fuzz/input_file.h"

// A bundle. The parts that are taken make a bundle with the same parts.
namespace {

using namespace graphrun;

constexpr std::array kKnown{weights::KnownPart{"model", 1}, weights::KnownPart{"weights", 1},
                            weights::KnownPart{"protocol", 1}};

Result<weights::Bundle> opened(const std::string& path) {
  GRAPHRUN_ASSIGN(const auto file, core::MappedFile::open(path));
  return weights::Bundle::open(file, kKnown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile input(data, size);
  const auto bundle = opened(input.path());
  if (!bundle.ok()) return 0;
  std::vector<weights::PartSource> parts;
  for (const weights::KnownPart& part : kKnown) {
    const std::span<const std::byte>* const bytes = bundle->find(part.name);
    if (bytes == nullptr) continue;
    fuzz::require(bytes->size() <= size);
    parts.push_back(
        {std::string(part.name), 1, true, [bytes](const weights::ByteSink& sink) { return sink(*bytes); }});
  }
  const fuzz::InputFolder folder("input.grun", data, size);
  const std::string path = folder.path() + "/again.grun";
  fuzz::require(weights::write_bundle(path, parts).ok());
  const auto again = opened(path);
  fuzz::require(again.ok());
  for (const weights::KnownPart& part : kKnown) {
    const auto* const before = bundle->find(part.name);
    const auto* const after = again->find(part.name);
    fuzz::require((before == nullptr) == (after == nullptr));
    if (before != nullptr) fuzz::require(std::ranges::equal(*before, *after));
  }
  return 0;
}
