#include "runtime/plugin/devices.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "runtime/plugin/gpu_module.h"

namespace graphrun::plugin {
namespace {

constexpr std::string_view kAuto = "auto";

}  // namespace

Devices::Named Devices::find(std::string_view name) const {
  const std::size_t colon = name.find(':');
  const auto kind = std::ranges::find(kinds_, name.substr(0, colon), &Kind::name);
  if (kind == kinds_.end()) return {};
  if (colon == std::string_view::npos) return {&*kind, 0};
  if (!kind->numbered) return {};
  const std::string_view text = name.substr(colon + 1);
  int number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && stop == text.data() + text.size() && number >= 0;
  return whole ? Named{&*kind, number} : Named{};
}

std::string Devices::check_name(std::string_view name) const {
  if (name == kAuto || find(name).kind != nullptr) return {};
  std::string text = std::string(name) + ": expected auto";
  for (const Kind& kind : kinds_) text += ", " + kind.name + (kind.numbered ? ", " + kind.name + ":N" : "");
  return text;
}

std::string Devices::resolve(std::string_view name) const {
  if (name != kAuto) return std::string(name);
  const auto found = std::ranges::find_if(kinds_, [](const Kind& kind) { return kind.count() > 0; });
  return found == kinds_.end() ? std::string(name) : found->name;
}

Result<std::shared_ptr<model::Backend>> Devices::open(std::string_view name,
                                                      const DeviceOptions& options) const {
  const std::string resolved = resolve(name);
  const Named named = find(resolved);
  if (named.kind == nullptr) return {ErrorCode::invalid_argument, "device " + check_name(resolved)};
  return named.kind->open(named.number, options);
}

Devices::Kind gpu_devices() {
  const auto count = [] {
    const Result<const GpuModule*> module = gpu_module();
    if (!module.ok()) return std::size_t{0};
    const Result<std::vector<std::string>> gpus = (*module)->list_gpus();
    return gpus.ok() ? gpus->size() : 0;
  };
  const auto open = [](int number, const DeviceOptions& options) -> Result<std::shared_ptr<model::Backend>> {
    GRAPHRUN_ASSIGN(const GpuModule* const module, gpu_module());
    const std::string& folder = options.cache_folder;
    return module->make_backend(
        {number, folder.empty() ? folder : folder + "/convolutions.txt", options.libraries});
  };
  return {"cuda", true, count, open};
}

}  // namespace graphrun::plugin
