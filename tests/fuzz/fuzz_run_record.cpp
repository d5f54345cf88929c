#include "tests/fuzz/input_file.h"
#include "training/run/run_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFolder folder("run.json", data, size);
  (void)training::read_run_record(folder.path()).ok();
  return 0;
}
