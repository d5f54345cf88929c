#pragma once

#include <cstdint>

namespace graphrun {

// A device as a number: where memory is.
enum class DeviceType : std::uint8_t { cpu, cuda };
struct DeviceId {
  DeviceType type = DeviceType::cpu;
  std::int16_t index = 0;  // among those of its type
  // The device's memory is the program's own: it is the host.
  bool is_host() const { return type == DeviceType::cpu; }
  bool operator==(const DeviceId&) const = default;
};

}  // namespace graphrun
