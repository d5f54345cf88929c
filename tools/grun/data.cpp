#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>

#include "datasets/check.h"
#include "datasets/dataset.h"
#include "datasets/locate.h"
#include "runtime/core/data_folders.h"
#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "tools/grun/data_make.h"
#include "tools/grun/job_options.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress.h"
#include "training/jobs/loader_speed.h"
#include "training/jobs/preview.h"

namespace graphrun::tools {
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
Result<std::vector<std::string>> chosen_splits(const DataOptions& options,
                                               const datasets::Descriptor& descriptor) {
  if (!options.split.empty()) {
    GRAPHRUN_TRY(status_of(datasets::find_split(descriptor, options.split)));
    return std::vector<std::string>{options.split};
  }
  if (!descriptor.generator) GRAPHRUN_TRY(datasets::find_data_root(descriptor, options.root()));
  std::vector<std::string> names;
  Status absent;
  for (const auto& [name, layouts] : descriptor.splits) {
    if (!descriptor.generator) {
      const auto files = datasets::find_split_files(descriptor, name, options.root());
      if (!files.ok() && files.status().code() == ErrorCode::not_found) {
        print("{}: not there\n", name);
        if (absent.ok() || name == "train") absent = files.status();
        continue;
      }
    }
    names.push_back(name);
  }
  if (names.empty()) return absent;
  return names;
}

// Images that training sees should not be those that it is judged by.
Status note_shared_images(const datasets::Descriptor& descriptor, const std::vector<std::string>& splits,
                          const std::optional<std::filesystem::path>& root) {
  const auto chosen = [&](const char* name) { return std::ranges::find(splits, name) != splits.end(); };
  if (descriptor.generator || !chosen("train") || !chosen("val")) return {};
  GRAPHRUN_ASSIGN(const datasets::SplitFiles train, datasets::find_split_files(descriptor, "train", root));
  GRAPHRUN_ASSIGN(const datasets::SplitFiles val, datasets::find_split_files(descriptor, "val", root));
  std::set<std::string> seen;
  for (const datasets::SamplePath& sample : train.samples) seen.insert(sample.image);
  const auto shared = std::ranges::count_if(
      val.samples, [&](const datasets::SamplePath& sample) { return seen.contains(sample.image); });
  if (shared > 0) print("note: {} of {} val images are in train as well\n", shared, val.samples.size());
  return {};
}

Status check(const DataOptions& options) {
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(options.dataset));
  GRAPHRUN_ASSIGN(const std::vector<std::string> splits, chosen_splits(options, descriptor));
  GRAPHRUN_ASSIGN(const std::shared_ptr<model::Backend> backend, options.common.backend());
  std::int64_t problems = 0;
  for (const std::string& split : splits) {
    Progress progress(stderr, options.common.quiet);
    double before = 0;
    const auto start = std::chrono::steady_clock::now();
    const auto show = [&](std::int64_t done, std::int64_t total) {
      constexpr std::int64_t kEvery = 1000;
      const double now = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      progress.update(done, total, (now - before) / static_cast<double>(done), split, done % kEvery == 0);
      before = now;
    };
    GRAPHRUN_ASSIGN(const datasets::CheckReport report,
                    datasets::check_dataset(descriptor, split, options.root(), backend->threads(), show));
    progress.clear();
    print("{}\n", datasets::format_report(report));
    for (const auto& [kind, count] : report.counts) problems += count;
  }
  GRAPHRUN_TRY(note_shared_images(descriptor, splits, options.root()));
  if (problems == 0) return {};
  return {ErrorCode::invalid_file,
          fmt::format("{}: {} {}", descriptor.name, problems, problems == 1 ? "problem" : "problems")};
}

Status list_known() {
  std::set<std::string> names;
  std::error_code ignored;
  for (const std::filesystem::path& folder : core::data_folders("datasets")) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string file = entry.path().filename().string();
      if (entry.path().extension() == ".json" && !file.ends_with(".schema.json"))
        names.insert(entry.path().stem().string());
    }
  }
  if (names.empty()) {
    return {ErrorCode::not_found,
            "no descriptors are found: set GRAPHRUN_HOME to the folder that holds datasets/, or give a path"};
  }
  for (const std::string& name : names) {
    GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(name));
    const std::string line =
        fmt::format("{:<12} {:>3} classes  {}", name, descriptor.classes.size(), descriptor.note);
    print("{}\n", wrapped(line, kColumns));
  }
  return {};
}

Status list(const DataOptions& options) {
  if (options.dataset.empty()) return list_known();
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(options.dataset));
  GRAPHRUN_ASSIGN(const std::vector<std::string> splits, chosen_splits(options, descriptor));
  for (const std::string& split : splits) {
    GRAPHRUN_ASSIGN(const std::unique_ptr<datasets::Dataset> data,
                    datasets::open_dataset(descriptor, split, options.root()));
    print("{}: {} samples{}\n", split, data->size(), data->labelled() ? "" : ", without labels");
    if (options.common.verbose) {
      for (std::int64_t i = 0; i < data->size(); ++i) print("  {}\n", data->name(i));
    }
  }
  return {};
}

struct BenchOptions {
  DataOptions data;
  training::SettingSources settings;
  std::string network;
  int workers = 1;
  double seconds = 10;
  bool json = false;
};

Status bench(const BenchOptions& options) {
  GRAPHRUN_ASSIGN(const datasets::Descriptor descriptor, datasets::find_descriptor(options.data.dataset));
  const std::string split = options.data.split.empty() ? "train" : options.data.split;
  GRAPHRUN_ASSIGN(const training::LoaderSpeed speed,
                  training::measure_loader(descriptor, split, options.data.root(), options.network,
                                           options.settings, options.workers, options.seconds));
  const double images = static_cast<double>(speed.images);
  const double rate = images / speed.seconds;
  const double cpu_ms = 1e3 * speed.cpu_seconds / images;
  if (options.json) {
    print(
        "{{\"dataset\": \"{}\", \"split\": \"{}\", \"train_h\": {}, \"train_w\": {}, \"workers\": {}, "
        "\"images\": {}, \"images_per_s\": {:.3f}, \"cpu_ms_per_image\": {:.4f}}}\n",
        descriptor.name, split, speed.height, speed.width, options.workers, speed.images, rate, cpu_ms);
    return {};
  }
  print("{} {}, crops of {} x {}, {} workers: {:.1f} images/s, {:.2f} ms of CPU time an image\n",
        descriptor.name, split, speed.height, speed.width, options.workers, rate, cpu_ms);
  return {};
}

void add_preview(CLI::App& data, Outcome& outcome) {
  CLI::App* command = data.add_subcommand(
      "preview", "a sheet of training crops as the network sees them, their labels beside them");
  const auto request = std::make_shared<training::PreviewRequest>();
  command->add_option("dataset", request->data.name, "a name or a descriptor's path")->required();
  command->add_option("--data-root", request->data.root, "folder of the data set's files");
  command->add_option("--split", request->split, "which split")->capture_default_str();
  command->add_option("--network", request->network, "whose recipe, e.g. pspnet50");
  add_settings(*command, request->settings);
  command->add_option("--crops", request->crops, "how many")
      ->check(CLI::Range(1, 300))
      ->capture_default_str();
  command->add_option("--seed", request->seed, "of the run that would see them")->capture_default_str();
  command->add_option("-o", request->output, "SHEET.png")->required();
  command->callback([request, &outcome] {
    const Result<training::PreviewOutcome> made = training::write_preview(*request);
    outcome.status = made.ok() ? Status() : made.status();
    if (made.ok())
      print("{}: {} crops of {} x {}\n", request->output.string(), made->crops, made->size.height,
            made->size.width);
  });
}

CLI::App* add_action(CLI::App& data, const char* name, const char* doc, DataOptions& options) {
  CLI::App* command = data.add_subcommand(name, doc);
  options.common.add_to(*command);
  hide(*command, {"--device", "--precision", "--cache", "-D", "--ops"});
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
  const auto bench_options = std::make_shared<BenchOptions>();
  CLI::App* bench_command =
      add_action(*data, "bench", "how many training images a second the loader makes", bench_options->data);
  bench_command->get_option("dataset")->required();
  bench_command->add_option("--network", bench_options->network, "whose recipe, e.g. pspnet50");
  add_settings(*bench_command, bench_options->settings);
  bench_command->add_option("--workers", bench_options->workers, "loader threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  bench_command->add_option("--seconds", bench_options->seconds, "how long")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  bench_command->add_flag("--json", bench_options->json, "one JSON object");
  bench_command->callback([bench_options, &outcome] { outcome.status = bench(*bench_options); });
  const auto list_options = std::make_shared<DataOptions>();
  add_action(*data, "list", "the known data sets, or the splits of one", *list_options)
      ->callback([list_options, &outcome] { outcome.status = list(*list_options); });
  add_preview(*data, outcome);
  add_data_init(*data, outcome);
  add_data_import(*data, outcome);
}

}  // namespace graphrun::tools
