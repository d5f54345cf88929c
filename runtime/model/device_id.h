#pragma once

#include <charconv>
#include <string_view>

#include "graphrun/device_id.h"
#include "runtime/model/backend.h"

namespace graphrun::model {

// The device of a backend as a number, from its name: "cpu", "cuda:1".
inline DeviceId device_id(const Backend& backend) {
  if (backend.is_host()) return {};
  const std::string_view name = backend.device();
  DeviceId id{DeviceType::cuda, 0};
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos)
    std::from_chars(name.data() + colon + 1, name.data() + name.size(), id.index);
  return id;
}

}  // namespace graphrun::model
