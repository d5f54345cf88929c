#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "datasets/check.h"
#include "datasets/dataset.h"
#include "tools/grun/commands.h"
#include "tools/support/common_options.h"
#include "tools/support/locate.h"

namespace graphrun {
namespace {

struct DataOptions {
  CommonOptions common;
  std::string dataset;
  std::string data_root;
  std::string split;

  std::optional<std::filesystem::path> root() const {
    return data_root.empty() ? std::nullopt : std::optional<std::filesystem::path>(data_root);
  }
};

// The one asked for, or all whose files are there.
Result<std::vector<std::string>> chosen_splits(const DataOptions& options, const Descriptor& descriptor) {
  if (!options.split.empty()) {
    GRAPHRUN_TRY(status_of(find_split(descriptor, options.split)));
    return std::vector<std::string>{options.split};
  }
  if (!descriptor.generator) GRAPHRUN_TRY(find_data_root(descriptor, options.root()));
  std::vector<std::string> names;
  Status absent;
  for (const auto& [name, layouts] : descriptor.splits) {
    if (!descriptor.generator) {
      const auto files = find_split_files(descriptor, name, options.root());
      if (!files.ok() && files.status().code() == ErrorCode::not_found) {
        fmt::print("{}: not there\n", name);
        if (absent.ok()) absent = files.status();
        continue;
      }
    }
    names.push_back(name);
  }
  if (names.empty()) return absent;
  return names;
}

Status check(const DataOptions& options) {
  GRAPHRUN_ASSIGN(const Descriptor descriptor, find_descriptor(options.dataset));
  GRAPHRUN_ASSIGN(const std::vector<std::string> splits, chosen_splits(options, descriptor));
  GRAPHRUN_ASSIGN(const std::shared_ptr<Backend> backend, options.common.backend());
  std::size_t problems = 0;
  for (const std::string& split : splits) {
    GRAPHRUN_ASSIGN(const CheckReport report,
                    check_dataset(descriptor, split, options.root(), backend->threads()));
    fmt::print("{}\n", format_report(report));
    problems += report.problems.size();
  }
  if (problems == 0) return {};
  return {ErrorCode::invalid_file, fmt::format("{}: {} problems", descriptor.name, problems)};
}

Status list_known() {
  std::set<std::string> names;
  std::error_code ignored;
  for (const std::filesystem::path& folder : data_folders("datasets")) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string file = entry.path().filename().string();
      if (entry.path().extension() == ".json" && !file.ends_with(".schema.json"))
        names.insert(entry.path().stem().string());
    }
  }
  for (const std::string& name : names) {
    GRAPHRUN_ASSIGN(const Descriptor descriptor, find_descriptor(name));
    fmt::print("{:<12} {:>3} classes  {}\n", name, descriptor.classes.size(), descriptor.note);
  }
  return {};
}

Status list(const DataOptions& options) {
  if (options.dataset.empty()) return list_known();
  GRAPHRUN_ASSIGN(const Descriptor descriptor, find_descriptor(options.dataset));
  GRAPHRUN_ASSIGN(const std::vector<std::string> splits, chosen_splits(options, descriptor));
  for (const std::string& split : splits) {
    GRAPHRUN_ASSIGN(const std::unique_ptr<Dataset> data, open_dataset(descriptor, split, options.root()));
    fmt::print("{}: {} samples{}\n", split, data->size(), data->labelled() ? "" : ", without labels");
    if (options.common.verbose) {
      for (std::int64_t i = 0; i < data->size(); ++i) fmt::print("  {}\n", data->name(i));
    }
  }
  return {};
}

CLI::App* add_action(CLI::App& data, const char* name, const char* doc, DataOptions& options) {
  CLI::App* command = data.add_subcommand(name, doc);
  options.common.add_to(*command);
  command->add_option("dataset", options.dataset, "a name or a descriptor's path");
  command->add_option("--data-root", options.data_root, "folder of the data set's files");
  command->add_option("--split", options.split, "one split; all if not given");
  return command;
}

}  // namespace

void add_data(CLI::App& app, Outcome& outcome) {
  CLI::App* data = app.add_subcommand("data", "look at a data set before training");
  data->require_subcommand(1);
  const auto check_options = std::make_shared<DataOptions>();
  CLI::App* check_command =
      add_action(*data, "check", "read every file: histogram, wrong ids, sizes, what to do", *check_options);
  check_command->get_option("dataset")->required();
  check_command->callback([check_options, &outcome] { outcome.status = check(*check_options); });
  const auto list_options = std::make_shared<DataOptions>();
  add_action(*data, "list", "the known data sets, or the splits of one", *list_options)
      ->callback([list_options, &outcome] { outcome.status = list(*list_options); });
}

}  // namespace graphrun
