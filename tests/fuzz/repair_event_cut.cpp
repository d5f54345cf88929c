#include <algorithm>
#include <cstring>
#include <string>

#include "tests/fuzz/repair.h"
#include "training/tensorboard/event.h"

// Both checksums of each record of a TensorBoard file.
namespace graphrun::fuzz {

void repair(std::span<std::uint8_t> file) {
  while (file.size() >= training::kFrameHead + training::kFrameTail) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    length = std::min<std::uint64_t>(length, file.size() - training::kFrameHead - training::kFrameTail);
    const std::string payload(reinterpret_cast<const char*>(file.data()) + training::kFrameHead, length);
    const std::string record = training::frame(payload);
    std::memcpy(file.data(), record.data(), record.size());
    file = file.subspan(record.size());
  }
}

}  // namespace graphrun::fuzz
