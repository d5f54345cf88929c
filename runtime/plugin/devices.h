#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::plugin {

struct DeviceOptions {
  int threads = 0;             // of the CPU; 0: all that this process may use
  std::string cache_folder{};  // of what is measured once about a device; empty: nothing is kept
  OpLibraries libraries{};     // whose kernels come beside the built-in ones
};

// Devices by name. A name is a kind, such as "cpu" or "cuda", and where a kind has several devices, its
// number: "cuda" (the first) or "cuda:N". "auto" is the best one that is there.
class Devices {
 public:
  struct Kind {
    std::string name;
    bool numbered = false;
    // How many there are; 0 where this build or this machine has none.
    std::function<std::size_t()> count;
    std::function<Result<std::shared_ptr<model::Backend>>(int number, const DeviceOptions& options)> open;
  };
  // The best kind first.
  explicit Devices(std::vector<Kind> kinds) : kinds_(std::move(kinds)) {}

  // "" where `name` is that of a device, whether there is one or not; else what names there are.
  std::string check_name(std::string_view name) const;
  // What "auto" stands for: the first kind of which there is one. Other names as they are.
  std::string resolve(std::string_view name) const;
  // Errors: a name that is none (invalid_argument), those of the kind.
  Result<std::shared_ptr<model::Backend>> open(std::string_view name, const DeviceOptions& options) const;

 private:
  struct Named {
    const Kind* kind = nullptr;  // null: no such name
    int number = 0;
  };
  Named find(std::string_view name) const;
  std::vector<Kind> kinds_;
};

// The GPUs of the GPU's library, "cuda" and "cuda:N".
Devices::Kind gpu_devices();

}  // namespace graphrun::plugin
