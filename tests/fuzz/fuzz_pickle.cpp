#include "runtime/weights/pickle.h"
#include "tests/fuzz/input_file.h"

// The pickle machine alone. Objects refer to objects that are there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const Result<weights::Pickle> pickle = weights::read_pickle(fuzz::bytes_of(data, size));
  if (!pickle.ok()) return 0;
  fuzz::require(pickle->size <= size && pickle->root < pickle->objects.size());
  for (const weights::PickleObject& object : pickle->objects) {
    for (const weights::PickleId id : object.items) fuzz::require(id < pickle->objects.size());
    if (object.kind != weights::PickleKind::dict || object.items.empty()) continue;
    const weights::PickleObject& key = (*pickle)[object.items[object.items.size() - 2]];
    if (key.kind == weights::PickleKind::text)
      fuzz::require(pickle->find(object, key.text) == &(*pickle)[object.items.back()]);
  }
  return 0;
}
