#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <iostream>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"

namespace {

using graphrun::compiler::Definition;

constexpr int kWrongInput = 1;
constexpr int kWrongCommandLine = 2;

// "name=value"; true and false are numbers here, too.
bool parse_definition(const std::string& text, Definition& definition) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  definition.name = text.substr(0, equals);
  const std::string value = text.substr(equals + 1);
  if (value == "true" || value == "false") {
    definition.value = value == "true" ? 1 : 0;
    return true;
  }
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, definition.value);
  return parsed.ec == std::errc() && parsed.ptr == end && std::isfinite(definition.value);
}

int run(int argc, char** argv) {
  CLI::App app("Compiles a JSON graph to a graphrun model.", "graphc");
  std::string graph;
  std::string output;
  std::vector<std::string> texts;
  bool print = false;
  app.add_option("GRAPH", graph, "graph file, e.g. graphs/spnet50.json")->required();
  app.add_option("-o,--output", output, "model file to write");
  app.add_option("-D,--define", texts, "default of a graph parameter: name=value")->allow_extra_args(false);
  app.add_flag("--print", print, "show the expanded graph, one node a line, with inferred shapes");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongCommandLine;
  }
  std::vector<Definition> definitions(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (parse_definition(texts[i], definitions[i])) continue;
    std::cerr << "graphc: -D " << texts[i] << ": expected name=number\n";
    return kWrongCommandLine;
  }
  if (output.empty() && !print) {
    std::cerr << "graphc: one of -o FILE and --print is needed\n";
    return kWrongCommandLine;
  }

  const graphrun::OpRegistry& ops = graphrun::op_registry();
  const graphrun::compiler::Compiled compiled = graphrun::compiler::compile(graph, definitions, ops);
  if (!compiled.model) {
    std::cerr << compiled.errors;
    return kWrongInput;
  }
  if (print) {
    const graphrun::Result<std::string> text = graphrun::compiler::print(*compiled.model, ops);
    if (!text.ok()) {
      std::cerr << "graphc: " << text.status().message() << "\n";
      return kWrongInput;
    }
    std::cout << *text;
  }
  if (output.empty()) return 0;
  if (const graphrun::Status status = graphrun::write_model(*compiled.model, output); !status.ok()) {
    std::cerr << "graphc: " << status.message() << "\n";
    return kWrongInput;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // memory, or the command line library
    std::cerr << "graphc: " << error.what() << "\n";
    return kWrongInput;
  }
}
