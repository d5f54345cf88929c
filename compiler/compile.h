#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/declarations.h"
#include "compiler/diagnostics.h"
#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

// The compiler: a graph file to a model with its methods "eval" and, where the file has losses, "train" and,
// where it has an optimiser, "update".
//
// eval:   inputs and outputs as the file names them.
// train:  adds the inputs "rng" (i64 (3): seed, iteration, first sample) where an op draws and
// "class_weights"
//         (f32 (classes)) where a loss weights classes; outputs "loss", "<name>_loss" and "<name>_totals" for
//         each loss, and "confusion" of the first that counts one; stores gradients ("grad:<parameter>") and
//         running statistics.
// update: what the optimiser's op asks the training loop for, "lr" (f32 scalar); changes parameters and
// states
//         in place.
namespace graphrun::compiler {

struct Compiled {
  std::optional<model::Model> model;    // empty where there are errors
  std::vector<Diagnostic> diagnostics;  // the errors; the first ones, where they are very many
  std::string errors;                   // a line each
  Status status;                        // what ended the compiler itself, such as memory; in `errors`, too
  bool definitions_fit = true;          // else the errors are about them, or the options
};
struct CompileOptions {
  // The op that is the optimiser instead of the file's. It takes those of the file's attributes that it has
  // too, and graph parameters of its attributes' names. Empty: the file's.
  std::string optimizer{};
  // Patterns of names (* stands for any text). Parameters of these names get this rate multiplier in the
  // place of the graph's; later ones win.
  std::vector<std::pair<std::string, double>> rate_multipliers{};
  // Patterns of names: these parameters are not trained at all, and running statistics do not change.
  std::vector<std::string> freeze{};
  // The whole check (ir/graph.h: verify) after each pass, not after the first of a method and at the end
  // alone: for tests, which want to know which pass it was. It takes about as long as all passes together.
  bool check_each_pass = false;
};
// The files may use the ops of `ops`, whoever brought them.
Compiled compile(const std::filesystem::path& path, std::span<const Definition> definitions,
                 const OpRegistry& ops, const CompileOptions& options = {});

// One line a node, with inferred shapes, and one a variable.
Result<std::string> print(const model::Model& model, const OpRegistry& ops);

}  // namespace graphrun::compiler
