#include <array>

#include "runtime/weights/bundle.h"
#include "tests/fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  const auto file = core::MappedFile::open(input.path());
  if (!file.ok()) return 0;
  constexpr std::array kKnown{weights::KnownPart{"model", 1}, weights::KnownPart{"weights", 1},
                              weights::KnownPart{"protocol", 1}};
  const auto bundle = weights::Bundle::open(*file, kKnown);
  if (!bundle.ok()) return 0;
  for (const weights::KnownPart& part : kKnown) {
    const auto* bytes = bundle->find(part.name);
    if (bytes != nullptr) fuzz::require(bytes->size() <= size);
  }
  return 0;
}
