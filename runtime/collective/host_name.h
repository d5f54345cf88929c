#pragma once

#include <unistd.h>

#include <array>
#include <string>

namespace graphrun::collective {

// Name of the machine that this process runs on.
inline std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("localhost");
}

}  // namespace graphrun::collective
