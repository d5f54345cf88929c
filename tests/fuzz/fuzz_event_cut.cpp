#include <filesystem>

#include "tests/fuzz/input_file.h"
#include "training/tensorboard/event_file.h"

// TensorBoard's file of a run that is resumed: what is cut is cut once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  constexpr const char* kName = "events.out.tfevents.0000000001.host.1";
  const fuzz::InputFolder folder(kName, data, size);
  const auto drop = [](const training::EventKey& event) { return event.step > 5; };
  fuzz::require(training::cut_event_files(folder.path(), drop).ok());
  const auto kept = std::filesystem::file_size(folder.path() + "/" + kName);
  fuzz::require(kept <= size && training::cut_event_files(folder.path(), drop).ok());
  fuzz::require(std::filesystem::file_size(folder.path() + "/" + kName) == kept);
  return 0;
}
