#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "compiler/compile.h"
#include "graphrun/kernel/attributes.h"
#include "graphrun/version.h"
#include "ops/registry.h"
#include "runtime/core/data_folders.h"
#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"
#include "runtime/plugin/op_libraries.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"

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

int report(const std::string& message, int status) {
  graphrun::tools::say("graphc: {}", message);
  return status;
}

// graphrun's ops with those of the files.
graphrun::Result<std::shared_ptr<const graphrun::OpRegistry>> open_ops(
    const std::vector<std::string>& files) {
  GRAPHRUN_ASSIGN(const graphrun::OpLibraries libraries, graphrun::plugin::open_op_libraries(files));
  return graphrun::ops::op_registry_with(libraries);
}

// "adamw, sgd"
std::string optimizers_of(const graphrun::OpRegistry& ops) {
  std::string names;
  for (const graphrun::OpDef* def : ops.all()) {
    if (def->optimizer) names += (names.empty() ? "" : ", ") + std::string(def->name);
  }
  return names;
}

// "PATTERN=X"
bool parse_multiplier(std::string_view text, std::vector<std::pair<std::string, double>>& multipliers) {
  const std::size_t equals = text.rfind('=');
  double factor = 0;
  if (equals == std::string_view::npos || equals == 0) return false;
  if (!parse_number(text.substr(equals + 1), factor) || factor < 0) return false;
  multipliers.emplace_back(text.substr(0, equals), factor);
  return true;
}

// What the command line asks for.
struct Request {
  std::string graph;
  std::string output;
  std::vector<std::string> definitions;
  std::vector<std::string> multipliers;
  std::vector<std::string> op_libraries;
  graphrun::compiler::CompileOptions options;
  bool print = false;
  bool quiet = false;
};

void add_options(CLI::App& app, Request& request) {
  app.add_option("GRAPH", request.graph,
                 "graph file, e.g. graphs/spnet50.json, or the name of an installed one, e.g. spnet50")
      ->required();
  app.add_option("-o,--output", request.output, "model file to write");
  app.add_option("-D,--define", request.definitions,
                 "default of a graph parameter: name=value; name=a,b is name_0=a, name_1=b")
      ->allow_extra_args(false);
  app.add_option("--ops", request.op_libraries,
                 "a shared object with ops of others; its code runs with graphc's rights")
      ->allow_extra_args(false);
  app.add_option("--optimizer", request.options.optimizer,
                 "the optimizer instead of the graph's, which takes those of its constants that it knows");
  app.add_option("--freeze", request.options.freeze,
                 "PATTERN of names (* stands for any text): these parameters are not trained, and running "
                 "statistics of these names do not change")
      ->allow_extra_args(false);
  app.add_option("--lr-mult", request.multipliers,
                 "PATTERN=X: these parameters learn with X times the rate, whatever the graph says")
      ->allow_extra_args(false);
  app.add_flag("-q", request.quiet, "only errors");
  app.add_flag("--print", request.print, "show the expanded graph, one node a line, with inferred shapes");
}

// "spnet50.fb: spnet50, 137 kB: eval 212 nodes, train 640 nodes, update 1 node"
void write_summary(const graphrun::model::Model& model, const std::string& file) {
  std::error_code ignored;
  std::string methods;
  for (const graphrun::model::Method& method : model.methods) {
    methods += (methods.empty() ? "" : ", ") + method.name + " " + std::to_string(method.nodes.size()) +
               (method.nodes.size() == 1 ? " node" : " nodes");
  }
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(file, ignored));
  graphrun::tools::print("{}: {}, {}: {}\n", file, model.name, graphrun::tools::size_text(bytes), methods);
}

// A graph's file: one of that path, else the installed graph of that name. Where there is neither, the path,
// whose error names it, after the nearest name.
std::string find_graph(const std::string& graph, std::string& nearest) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const bool is_name = graph.find('/') == std::string::npos && fs::path(graph).extension().empty();
  if (fs::exists(graph, ignored) || !is_name) return graph;
  std::vector<std::string> known;
  for (const fs::path& folder : graphrun::core::data_folders("graphs")) {
    if (fs::path file = folder / (graph + ".json"); fs::exists(file, ignored)) return file.string();
    for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
      const fs::path name = entry->path().filename();
      if (name.extension() == ".json" && !name.stem().has_extension()) known.push_back(name.stem().string());
    }
  }
  nearest = graphrun::nearest_name(graph, std::vector<std::string_view>(known.begin(), known.end()));
  return graph;
}

int compile(const Request& request, const std::vector<Definition>& definitions) {
  const auto registry = open_ops(request.op_libraries);
  if (!registry.ok()) return report("--ops: " + registry.status().message(), kWrongInput);
  const graphrun::OpRegistry& ops = **registry;
  const std::string& chosen = request.options.optimizer;
  const graphrun::OpDef* const optimizer = ops.find(chosen);
  if (!chosen.empty() && (optimizer == nullptr || !optimizer->optimizer))
    return report("--optimizer " + chosen + ": expected one of " + optimizers_of(ops), kWrongCommandLine);
  std::string nearest;
  const std::string graph = find_graph(request.graph, nearest);
  if (!nearest.empty())
    return report(
        request.graph + ": no file and no installed graph is called that; did you mean \"" + nearest + "\"?",
        kWrongInput);
  const graphrun::compiler::Compiled compiled =
      graphrun::compiler::compile(graph, definitions, ops, request.options);
  if (!compiled.model) {
    graphrun::tools::write_message(compiled.errors.substr(0, compiled.errors.find_last_not_of('\n') + 1));
    return compiled.definitions_fit ? kWrongInput : kWrongCommandLine;
  }
  if (request.print) {
    const graphrun::Result<std::string> text = graphrun::compiler::print(*compiled.model, ops);
    if (!text.ok()) return report(text.status().message(), kWrongInput);
    graphrun::tools::write_result(*text);
  }
  if (request.output.empty()) return 0;
  const graphrun::Status written = graphrun::model::write_model(*compiled.model, request.output);
  if (!written.ok()) return report(written.message(), kWrongInput);
  if (!request.quiet && !request.print) write_summary(*compiled.model, request.output);
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app("Compiles a JSON graph to a graphrun model.", "graphc");
  Request request;
  add_options(app, request);
  app.set_version_flag("--version", "graphc " + std::string(graphrun::version()) + " (" +
                                        std::string(graphrun::build()) + ")");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return graphrun::tools::end_of_parsing(app, error);
  }
  std::vector<Definition> definitions;
  for (const std::string& text : request.definitions) {
    if (!parse_definition(text, definitions))
      return report("-D " + text + ": expected name=number", kWrongCommandLine);
  }
  for (const std::string& text : request.multipliers) {
    if (!parse_multiplier(text, request.options.rate_multipliers))
      return report("--lr-mult " + text + ": expected PATTERN=X with a number that is not negative",
                    kWrongCommandLine);
  }
  if (request.output.empty() && !request.print)
    return report("one of -o FILE and --print is needed", kWrongCommandLine);
  return compile(request, definitions);
}

}  // namespace

int main(int argc, char** argv) {
  graphrun::tools::prepare_streams();
  int status = 0;
  try {
    status = run(argc, argv);
  } catch (...) {  // memory, or the command line library
    status = report(graphrun::core::caught().message(), kWrongInput);
  }
  const graphrun::Status written = graphrun::tools::finish_output();
  return written.ok() || status != 0 ? status : report(written.message(), kWrongInput);
}
