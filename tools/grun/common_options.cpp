#include "tools/grun/common_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "api/devices.h"
#include "ops/cpu_training.h"
#include "ops/registry.h"
#include "runtime/core/atomic_file.h"
#include "runtime/cpu/team.h"
#include "runtime/model/eight_bits.h"
#include "runtime/plugin/op_libraries.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "training/jobs/bind.h"

namespace graphrun::tools {

namespace {

// Where a user's caches lie (XDG Base Directory Specification); empty where there is no home, which is not
// made for this.
std::filesystem::path user_cache() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  const bool named = cache != nullptr && std::filesystem::path(cache).is_absolute();  // others do not count
  std::error_code ignored;
  if (!named && (home == nullptr || !std::filesystem::is_directory(home, ignored))) return {};
  return (named ? std::filesystem::path(cache) : std::filesystem::path(home) / ".cache") / "graphrun";
}

}  // namespace

void CommonOptions::add_to(CLI::App& command) {
  command
      .add_option("--device", device, "where to compute: cpu, cuda, cuda:N, or auto: a GPU if there is one")
      ->check([](const std::string& name) { return api::devices().check_name(name); })
      ->capture_default_str();
  command.add_option("--threads", threads, "0: all that this process may use")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command
      .add_option("--precision", precision,
                  "f32, bf16, or int8, of weights that grun quantize made: of activations and convolutions")
      ->check(CLI::IsMember({"f32", "bf16", "int8"}))
      ->capture_default_str();
  command.add_option(
      "--cache", cache,
      "folder of what is computed once: weights as kernels want them (run, predict), engines of "
      "convolutions (--device cuda); default: graphrun in the user's cache folder; none: "
      "nothing is kept");
  command.add_option("-D", definitions, "name=value: a late graph parameter")->allow_extra_args(false);
  command
      .add_option("--ops", op_libraries,
                  "a shared object with ops and kernels of others; its code runs with this program's rights")
      ->allow_extra_args(false);
  command.add_flag("-q", quiet, "only results and errors");
  command.add_flag("-v", verbose, "more detail");
}

DType CommonOptions::compute_type() const { return model::precision_of(precision).value_or(DType::f32); }

Result<std::string> CommonOptions::cache_folder() const {
  if (cache == "none") return std::string();
  const std::filesystem::path folder = cache.empty() ? user_cache() : std::filesystem::path(cache);
  if (folder.empty()) return std::string();
  const Status made = core::make_folders(folder.string());
  if (made.ok()) return folder.string();
  if (cache.empty()) return std::string();
  return {ErrorCode::io, "--cache " + cache + ": " + made.message()};
}

void add_model(CLI::App& command, std::string& path) {
  command.add_option("model", path, "MODEL.fb, a bundle, or the folder of a run")->required();
}

void add_weights(CLI::App& command, std::string& path, weights::TensorChoice& choice) {
  command.add_option("--weights", path,
                     ".safetensors or .pth; a bundle has its own; of a run: last (the default) or best");
  add_tensor_choice(command, choice);
}

void add_tensor_choice(CLI::App& command, weights::TensorChoice& choice) {
  command.add_option("--key", choice.key,
                     "dictionary of the checkpoint to take, as model or ema.state_dict; the one that fits if "
                     "not given");
  command.add_option("--strip", choice.strip,
                     "prefix of the names to take, which is dropped; the one that fits if not given");
}

void add_memory_budget(CLI::App& command, std::int64_t& bytes) {
  add_bytes(
      command, "--memory-budget", bytes,
      "of a rank's training, such as 8GB or 1500MB: what would be computed again in the backward pass is "
      "kept as far as it fits, for faster steps with the same bits; the least memory if not given");
}

std::string planned_memory_text(std::int64_t bytes, const session::Rematerialisations& rematerialisations) {
  return fmt::format("{} of memory planned; {} of {} recomputations undone", size_text(bytes),
                     rematerialisations.undone, rematerialisations.all);
}

Result<const CommonOptions::Ops*> CommonOptions::open_ops() const {
  if (ops_->registry != nullptr) return ops_.get();
  GRAPHRUN_ASSIGN(OpLibraries libraries, plugin::open_op_libraries(op_libraries).with_context("--ops"));
  GRAPHRUN_ASSIGN(ops_->registry, ops::op_registry_with(libraries).with_context("--ops"));
  ops_->libraries = ops::with_training_kernels(std::move(libraries));
  return ops_.get();
}

Result<const OpRegistry*> CommonOptions::registry() const {
  GRAPHRUN_ASSIGN(const Ops* const opened, open_ops());
  return opened->registry.get();
}

Result<std::shared_ptr<model::Backend>> CommonOptions::backend() const {
  GRAPHRUN_ASSIGN(const Ops* const opened, open_ops());
  const auto open = [&]() -> Result<std::shared_ptr<model::Backend>> {
    const plugin::Devices devices = api::devices();
    const std::string name = devices.resolve(device);
    plugin::DeviceOptions device_options{.threads = threads, .libraries = opened->libraries};
    if (name != "cpu") {
      GRAPHRUN_ASSIGN(device_options.cache_folder, cache_folder());
    }
    return devices.open(name, device_options);
  };
  GRAPHRUN_ASSIGN(std::shared_ptr<model::Backend> backend, open().with_context("--device " + device));
  GRAPHRUN_TRY(model::check_precision(*backend, compute_type()).with_context("--precision " + precision));
  if (!quiet && backend->is_host() && threads > backend->threads())
    say("note: {} of the {} threads: OpenMP grants no more ({})", backend->threads(), threads,
        cpu::team_limit());
  return backend;
}

Result<model::Bindings> CommonOptions::bindings() const {
  model::Bindings bindings;
  for (const std::string& definition : definitions) {
    const std::size_t equals = definition.find('=');
    const std::string name = definition.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : definition.substr(equals + 1);
    if (value == "true") value = "1";
    if (value == "false") value = "0";
    double number = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (name.empty() || value.empty() || error != std::errc() || stop != end || !std::isfinite(number)) {
      return {ErrorCode::usage, "-D " + definition + ": expected name=number"};
    }
    bindings[name] = number;
  }
  return bindings;
}

void say_cache_note(const CommonOptions& options, const std::string& note) {
  if (options.verbose && !note.empty()) say("{}", note);
}

void say_weights_note(const CommonOptions& options, const std::string& note) {
  if (!options.quiet && !note.empty()) say("note: {}", note);
}

void warn_not_kept(const CommonOptions& options, const Status& kept) {
  if (!options.quiet && !kept.ok()) say("warning: {}", kept.message());
}

Result<weights::ModelSource> open_source(const std::string& path, const CommonOptions& options) {
  GRAPHRUN_ASSIGN(const model::Bindings chosen, options.bindings());
  GRAPHRUN_ASSIGN(const OpRegistry* const registry, options.registry());
  std::error_code ignored;
  const bool is_run = std::filesystem::is_directory(path, ignored);
  return training::open_source(is_run ? path + "/model.fb" : path, *registry, chosen);
}

Result<std::shared_ptr<const model::Program>> open_program(const std::string& path,
                                                           const CommonOptions& options) {
  GRAPHRUN_ASSIGN(weights::ModelSource source, open_source(path, options));
  return std::move(source.program);
}

Result<std::shared_ptr<const model::Program>> bind_program(const model::Program& program,
                                                           const std::string& path,
                                                           const CommonOptions& options,
                                                           const datasets::Descriptor* descriptor,
                                                           const training::SettingTable* settings) {
  GRAPHRUN_ASSIGN(const model::Bindings chosen, options.bindings());
  return training::bind_program(program, path, {chosen, descriptor, settings});
}

}  // namespace graphrun::tools
