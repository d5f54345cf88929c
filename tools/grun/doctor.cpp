#include <flatbuffers/base.h>
#include <fmt/format.h>
#include <png.h>
#include <rapidjson/rapidjson.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "runtime/collective/mpi.h"
#include "runtime/cpu/onednn.h"
#include "runtime/plugin/gpu_module.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

std::string cpu_features() {
  std::string features;
  const auto add = [&features](const char* name, bool has) {
    features += has ? std::string(" ") + name : "";
  };
  __builtin_cpu_init();
  add("avx2", __builtin_cpu_supports("avx2") != 0);
  add("fma", __builtin_cpu_supports("fma") != 0);
  add("avx512f", __builtin_cpu_supports("avx512f") != 0);
  add("avx512_vnni", __builtin_cpu_supports("avx512vnni") != 0);
  add("avx512_bf16", __builtin_cpu_supports("avx512bf16") != 0);
  return features.empty() ? " none that oneDNN or graphrun use" : features;
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
  const double gigabytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE)) / 1e9;
  print("cpu        {} threads for this process;{}\n", backend->threads(), cpu_features());
  print("memory     {:.1f} GB\n", gigabytes);
  const Status bf16 = backend->check_precision(DType::bf16);
  print("precision  f32{}\n", bf16.ok() ? ", bf16" : "; " + bf16.message());
  print("libraries  {}\n", libraries());
  const std::string mpi = collective::mpi_version();
  print("ranks      {}\n", mpi.empty() ? "this build has no MPI: one process only" : mpi);
  report_gpus();
  return {};
}

}  // namespace

void add_doctor(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("doctor", "what this machine and this build have");
  command->callback([&outcome] { outcome.status = report(); });
}

}  // namespace graphrun::tools
