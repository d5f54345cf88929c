#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"
#include "runtime/model/backend.h"
#include "runtime/model/program.h"
#include "runtime/session/rematerialisation.h"
#include "runtime/weights/model_source.h"
#include "training/run/settings.h"

namespace graphrun::tools {

// The options that every subcommand has.
struct CommonOptions {
  std::string device = "cpu";  // auto, cpu, cuda (the first GPU; with several ranks, each its own), cuda:N
  int threads = 0;             // 0: all that this process may use
  std::string precision = "f32";
  std::vector<std::string> definitions;   // -D name=value
  std::vector<std::string> op_libraries;  // --ops: files
  std::string cache;                      // folder of what is computed once; empty: the user's; none: nowhere
  bool quiet = false;
  bool verbose = false;

  void add_to(CLI::App& command);

  // graphrun's ops with those of --ops, opened when this is asked for first; it lives as long as these
  // options or a copy of them. Errors: a file that is no op library, ops of one name in two of them.
  Result<const OpRegistry*> registry() const;
  // Errors: a device or a precision that this machine or this build has not.
  Result<std::shared_ptr<model::Backend>> backend() const;
  // What --cache says: a folder, or nothing where nothing is to be kept. Error: one that was named cannot be
  // made.
  Result<std::string> cache_folder() const;
  // What --precision says.
  DType compute_type() const;
  // -D as bindings of late parameters.
  Result<model::Bindings> bindings() const;

 private:
  struct Ops {
    OpLibraries libraries;  // and the kernels of training
    std::shared_ptr<const OpRegistry> registry;
  };
  Result<const Ops*> open_ops() const;
  std::shared_ptr<Ops> ops_ = std::make_shared<Ops>();  // empty until somebody asks
};

// Adds MODEL, which must be given, and --weights with --key and --strip.
void add_model(CLI::App& command, std::string& path);
void add_weights(CLI::App& command, std::string& path, weights::TensorChoice& choice);
void add_tensor_choice(CLI::App& command, weights::TensorChoice& choice);

// Adds --memory-budget, which is TrainSession::Options::memory_budget.
void add_memory_budget(CLI::App& command, std::int64_t& bytes);

// "2.4 GB of memory planned; 12 of 44 recomputations undone"
std::string planned_memory_text(std::int64_t bytes, const session::Rematerialisations& rematerialisations);

// Opens MODEL, a .fb or a bundle, and binds it as bind_program() does.
Result<weights::ModelSource> open_source(const std::string& path, const CommonOptions& options);
// The model alone.
Result<std::shared_ptr<const model::Program>> open_program(const std::string& path,
                                                           const CommonOptions& options);

// training::bind_program with -D as what is chosen.
Result<std::shared_ptr<const model::Program>> bind_program(const model::Program& program,
                                                           const std::string& path,
                                                           const CommonOptions& options,
                                                           const datasets::Descriptor* descriptor = nullptr,
                                                           const training::SettingTable* settings = nullptr);

// What is worth knowing of which weights were taken, unless -q.
void say_weights_note(const CommonOptions& options, const std::string& note);

// With -v why kept weights are of no use, unless -q why they are not kept.
void say_cache_note(const CommonOptions& options, const std::string& note);
void warn_not_kept(const CommonOptions& options, const Status& kept);

// Where the weights of a command are from: --weights, or the bundle.
inline const std::string& weights_path(const weights::ModelSource& source, const std::string& given) {
  return given.empty() ? source.path : given;
}

}  // namespace graphrun::tools
