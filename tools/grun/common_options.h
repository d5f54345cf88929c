#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"
#include "runtime/model/program.h"
#include "runtime/weights/weights.h"
#include "training/run/settings.h"

namespace graphrun::tools {

// The options that every subcommand has.
struct CommonOptions {
  std::string device = "cpu";  // cpu, cuda (the first GPU; with several ranks, each its own), cuda:N
  int threads = 0;             // 0: all that this process may use
  std::string precision = "f32";
  std::vector<std::string> definitions;  // -D name=value
  std::string cache;                     // folder of what is computed once; empty: the user's; none: nowhere
  bool quiet = false;
  bool verbose = false;

  void add_to(CLI::App& command);

  // Errors: a device or a precision that this machine or this build has not.
  Result<std::shared_ptr<model::Backend>> backend() const;
  // What --cache says: a folder, or nothing where nothing is to be kept. Error: one that was named cannot be
  // made.
  Result<std::string> cache_folder() const;
  // What --precision says.
  DType compute_type() const { return precision == "bf16" ? DType::bf16 : DType::f32; }
  // -D as bindings of late parameters.
  Result<model::Bindings> bindings() const;
};

// Adds --memory-budget, which is TrainSession::Options::memory_budget.
void add_memory_budget(CLI::App& command, std::int64_t& bytes);

// Reads a model, and binds it as the next does.
Result<std::shared_ptr<const model::Program>> open_program(const std::string& path,
                                                           const CommonOptions& options);

// training::bind_program with -D as what is chosen.
Result<std::shared_ptr<const model::Program>> bind_program(const model::Program& program,
                                                           const std::string& path,
                                                           const CommonOptions& options,
                                                           const datasets::Descriptor* descriptor = nullptr,
                                                           const training::SettingTable* settings = nullptr);

// Mapped weights for inference, with the file's name in errors.
Result<std::shared_ptr<weights::Weights>> map_weights(const model::Program& program, const std::string& path,
                                                      std::shared_ptr<model::Backend> backend);

}  // namespace graphrun::tools
