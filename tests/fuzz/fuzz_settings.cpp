#include "tests/fuzz/input_file.h"
#include "training/run/settings.h"

// A file of settings. What is taken is written, and taken again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  training::SettingTable settings;
  const fuzz::InputFile input(data, size);
  if (!settings.set_from_file(input.path()).ok()) return 0;
  const std::string text = settings.to_json();
  const fuzz::InputFile written(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  training::SettingTable again;
  fuzz::require(again.set_from_file(written.path()).ok());
  fuzz::require(again.values() == settings.values());
  return 0;
}
