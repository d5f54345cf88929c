#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/diagnostic.h"
#include "graphrun/op_libraries.h"
#include "graphrun/status.h"

// Makes a model of a graph file (JSON), as graphc does it. Component: compiler.
//
//     auto compiled = graphrun::compile("net.json", {.parameters = {{"classes", 19}}});
//     if (!compiled.ok()) return fail(compiled.status());
//     for (const graphrun::Diagnostic& error : compiled->diagnostics)
//       std::cerr << to_string(error) << "\n";
//     if (compiled->model) graphrun::Status status = compiled->model->write("net.fb");
namespace graphrun {

struct CompileOptions {
  // Values of graph parameters: structural ones are fixed by them, late ones get them as their default.
  std::map<std::string, double> parameters{};
  // The op that is the optimiser in the place of the graph's, such as "adamw"; empty: the graph's.
  std::string optimizer{};
  OpLibraries
      ops{};  // whose ops the graph may use beside graphrun's; the model keeps them, its file names them
  // Patterns of parameters' names (* stands for any text): these are not trained, and running statistics of
  // these names do not change in training.
  std::vector<std::string> freeze{};
  // A pattern with the factor by which the learning rate of such parameters is multiplied, in the place of
  // the graph's; later ones win.
  std::vector<std::pair<std::string, double>> rate_multipliers{};
};

// A model that compile() has made. Cheap to copy; immutable, so that any number of threads may use it.
class GRAPHRUN_API CompiledModel {
 public:
  // The graph's name: the file's, without suffix.
  const std::string& name() const;
  // Writes the model file, whole or not at all.
  Status write(const std::string& path) const;
  // The bytes of the model file that write() writes.
  Result<std::vector<std::byte>> bytes() const;
  // The expanded graph for a reader, one node a line with inferred shapes, and one line a variable.
  Result<std::string> text() const;

  // For graphrun itself.
  struct Impl;
  explicit CompiledModel(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

struct Compilation {
  std::optional<CompiledModel> model;  // empty where there are diagnostics
  // All independent errors of the graph, in the order of files and places; the first hundred of very many.
  std::vector<Diagnostic> diagnostics;
  // False: the diagnostics are about CompileOptions (an unknown parameter, a pattern that fits nothing), not
  // about the graph.
  bool parameters_fit = true;
};

// Compiles a graph file. Mistakes in the graph are in the diagnostics. Errors: invalid_argument: two ops of
// one name in `ops` and graphrun, a library that is null; out_of_memory.
GRAPHRUN_API Result<Compilation> compile(const std::string& path, const CompileOptions& options = {});

}  // namespace graphrun
