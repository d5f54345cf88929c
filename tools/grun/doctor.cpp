#include <flatbuffers/base.h>
#include <fmt/format.h>
#include <png.h>
#include <rapidjson/rapidjson.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include "runtime/collective/mpi.h"
#include "runtime/core/system_memory.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/team.h"
#include "runtime/cpu/waiting.h"
#include "runtime/model/eight_bits.h"
#include "runtime/plugin/gpu_module.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/self_test.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

// The CPU's instructions that oneDNN or graphrun use, in the kernel's words.
std::string cpu_features() {
  constexpr std::array kKnown{"avx2",        "fma",      "avx512f",  "avx512_vnni", "avx512_bf16",
                              "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8",    "asimd",
                              "bf16",        "i8mm",     "sve"};
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> has;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(line);
    has.insert(std::istream_iterator<std::string>(words), {});
    break;
  }
  std::string features;
  for (const char* name : kKnown) features += has.contains(name) ? std::string(" ") + name : "";
  return features.empty() ? " none that oneDNN or graphrun use" : features;
}

std::string memory() {
  const auto text = [](std::optional<std::int64_t> bytes) { return bytes ? size_text(*bytes) : "unknown"; };
  return text(core::total_memory()) + ", available " + text(core::available_memory());
}

// Those that a program links as they run, those of headers alone as they were compiled in.
std::string libraries() {
  const dnnl_version_t& onednn = *dnnl_version();
  return fmt::format("oneDNN {}.{}.{}, libpng {}, FlatBuffers {}.{}.{}, RapidJSON {}", onednn.major,
                     onednn.minor, onednn.patch, png_get_libpng_ver(nullptr), FLATBUFFERS_VERSION_MAJOR,
                     FLATBUFFERS_VERSION_MINOR, FLATBUFFERS_VERSION_REVISION, RAPIDJSON_VERSION_STRING);
}

void report_gpus() {
  const Result<const plugin::GpuModule*> module = plugin::gpu_module();
  if (!module.ok()) {
    print("gpu        {}\n", module.status().message());
    return;
  }
  const Result<std::vector<std::string>> gpus = (*module)->list_gpus();
  if (!gpus.ok()) print("gpu        none: {}\n", gpus.status().message());
  for (std::size_t i = 0; gpus.ok() && i < gpus->size(); ++i) print("cuda:{}     {}\n", i, (*gpus)[i]);
  std::string libraries;
  for (const auto& [name, version] : (*module)->versions())
    libraries += fmt::format("{}{} {}", libraries.empty() ? "" : ", ", name, version);
  print("for GPUs   {}\n", libraries);
}

Status report() {
  const CommonOptions options;
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.backend());
  print("cpu        {} threads for this process, of {} processors;{}\n", backend->threads(),
        sysconf(_SC_NPROCESSORS_ONLN), cpu_features());
  print("kernels    oneDNN's for {}, parallel by {}\n", cpu::library_instructions(),
        cpu::openmp_library().empty() ? "OpenMP" : cpu::openmp_library());
  const std::string limit = cpu::team_limit();
  if (!limit.empty()) print("limited    by {}\n", limit);
  print("memory     {}\n", memory());
  const Status bf16 = backend->check_precision(DType::bf16);
  const bool int8 = model::check_precision(*backend, DType::s8).ok();
  print("precision  f32{}{}\n", int8 ? ", int8" : "", bf16.ok() ? ", bf16" : "; " + bf16.message());
  print("libraries  {}\n", libraries());
  const std::string mpi = collective::mpi_version();
  print("ranks      {}\n", mpi.empty() ? "this build has no MPI: one process only" : mpi);
  report_gpus();
  return {};
}

}  // namespace

void add_doctor(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("doctor", "what this machine and this build have");
  const auto check = std::make_shared<bool>(false);
  command->add_flag("--check", *check,
                    "trains and labels on all that is here, in a minute, and says what does not work");
  command->callback([&outcome, check] {
    outcome.status = report();
    if (outcome.status.ok() && *check) outcome.status = self_test();
  });
}

}  // namespace graphrun::tools
