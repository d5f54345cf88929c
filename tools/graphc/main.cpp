#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/compile.h"
#include "graphrun/version.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"

namespace {

using graphrun::compiler::Definition;

constexpr int kWrongInput = 1;
constexpr int kWrongCommandLine = 2;

bool parse_number(std::string_view text, double& value) {
  if (text == "true" || text == "false") {  // numbers here, too
    value = text == "true" ? 1 : 0;
    return true;
  }
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end && std::isfinite(value);
}

// "name=value"; "name=a,b,c" gives name_0, name_1, name_2.
bool parse_definition(std::string_view text, std::vector<Definition>& definitions) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const std::string name(text.substr(0, equals));
  const auto commas = static_cast<int>(std::ranges::count(text, ','));
  std::size_t begin = equals + 1;
  for (int i = 0; begin <= text.size(); ++i) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    Definition& definition = definitions.emplace_back();
    definition.name = commas > 0 ? name + "_" + std::to_string(i) : name;
    definition.list_size = commas > 0 ? commas + 1 : 0;
    if (!parse_number(text.substr(begin, end - begin), definition.value)) return false;
    begin = end + 1;
  }
  return true;
}

int run(int argc, char** argv) {
  CLI::App app("Compiles a JSON graph to a graphrun model.", "graphc");
  std::string graph;
  std::string output;
  std::vector<std::string> texts;
  bool print = false;
  app.add_option("GRAPH", graph, "graph file, e.g. graphs/spnet50.json")->required();
  app.add_option("-o,--output", output, "model file to write");
  app.add_option("-D,--define", texts,
                 "default of a graph parameter: name=value; name=a,b is name_0=a, name_1=b")
      ->allow_extra_args(false);
  app.set_version_flag("--version", "graphc " + std::string(graphrun::version()) + " (" +
                                        std::string(graphrun::build()) + ")");
  app.add_flag("--print", print, "show the expanded graph, one node a line, with inferred shapes");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongCommandLine;
  }
  std::vector<Definition> definitions;
  for (const std::string& text : texts) {
    if (parse_definition(text, definitions)) continue;
    std::cerr << "graphc: -D " << text << ": expected name=number\n";
    return kWrongCommandLine;
  }
  if (output.empty() && !print) {
    std::cerr << "graphc: one of -o FILE and --print is needed\n";
    return kWrongCommandLine;
  }

  const graphrun::OpRegistry& ops = graphrun::ops::op_registry();
  const graphrun::compiler::Compiled compiled = graphrun::compiler::compile(graph, definitions, ops);
  if (!compiled.model) {
    std::cerr << compiled.errors;
    return compiled.definitions_fit ? kWrongInput : kWrongCommandLine;
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
  if (const graphrun::Status status = graphrun::model::write_model(*compiled.model, output); !status.ok()) {
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
