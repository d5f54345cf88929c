#include "tools/grun/data_make.h"
#include "tools/terminal/output.h"

#include <fmt/format.h>

#include <chrono>
#include <map>

#include "datasets/import/import.h"
#include "datasets/import/init.h"
#include "tools/terminal/progress.h"

namespace graphrun::tools {
namespace {

namespace fs = std::filesystem;

// Lines on standard error, where that is no terminal one for each thousand images.
class FilesRead {
 public:
  explicit FilesRead(bool quiet) : progress_(stderr, quiet) {}
  void show(std::int64_t done, std::int64_t total) {
    constexpr std::int64_t kEvery = 1000;
    const auto now = std::chrono::steady_clock::now();
    progress_.update(done, total, std::chrono::duration<double>(now - before_).count(), "images",
                     done % kEvery == 0);
    before_ = now;
  }
  void clear() { progress_.clear(); }

 private:
  Progress progress_;
  std::chrono::steady_clock::time_point before_ = std::chrono::steady_clock::now();
};

void print_next_steps(const fs::path& descriptor) {
  print("wrote {}\nnext: grun data check {}\n", descriptor.string(), descriptor.string());
}

Status init(datasets::InitRequest& request, bool quiet) {
  FilesRead read(quiet);
  request.progress = [&](std::int64_t done, std::int64_t total) { read.show(done, total); };
  GRAPHRUN_ASSIGN(const datasets::InitReport report, datasets::init_dataset(request));
  read.clear();
  for (const auto& [split, samples] : report.splits)
    print("{}: {} {}\n", split, samples, samples == 1 ? "sample" : "samples");
  print("label rule {}\n", report.labels);
  for (std::size_t i = 0; i < report.classes.size(); ++i) {
    const auto& [name, color] = report.classes[i];
    print("{:>4}  {:<20} [{}, {}, {}]\n", i, name, color.r, color.g, color.b);
  }
  for (const std::string& note : report.notes) print("note: {}\n", note);
  if (!report.splits.contains("val"))
    print("note: there is no split val: train with --set evaluate=false, or give --val 0.2\n");
  print("The classes' names stand in the descriptor, to be changed there.\n");
  print_next_steps(report.descriptor);
  return {};
}

using Importer = Result<datasets::Imported> (*)(const datasets::ImportRequest&);

const std::map<std::string, Importer>& importers() {
  static const std::map<std::string, Importer> table = {{"coco", datasets::import_coco},
                                                        {"labelme", datasets::import_labelme},
                                                        {"rgb", datasets::import_colors}};
  return table;
}

Status import(const std::string& kind, datasets::ImportRequest& request, bool quiet) {
  FilesRead read(quiet);
  request.progress = [&](std::int64_t done, std::int64_t total) { read.show(done, total); };
  GRAPHRUN_ASSIGN(const datasets::Imported imported, importers().at(kind)(request));
  read.clear();
  print("{}: {} images, {} classes\n", request.split, imported.images, imported.classes);
  for (const std::string& note : imported.notes) print("note: {}\n", note);
  print_next_steps(imported.descriptor);
  return {};
}

}  // namespace

void add_data_init(CLI::App& data, Outcome& outcome) {
  CLI::App* command = data.add_subcommand("init", "describe a folder of images and masks");
  const auto request = std::make_shared<datasets::InitRequest>();
  const auto quiet = std::make_shared<bool>(false);
  command->add_option("folder", request->folder, "with the folders images and masks")->required();
  command->add_option("--val", request->val, "part of the images that validates, e.g. 0.2")
      ->check(CLI::Range(0.0, 0.99));
  command->add_option("--seed", request->seed, "of the draw that divides them")->capture_default_str();
  command->add_option("--images", request->images, "the folder of the images, below the other");
  command->add_option("--masks", request->masks, "the folder of the masks");
  command->add_option("--classes", request->classes, "a file that names colours: name, red, green, blue");
  command->add_flag("-q,--quiet", *quiet, "no progress");
  command->callback([=, &outcome] { outcome.status = init(*request, *quiet); });
}

void add_data_import(CLI::App& data, Outcome& outcome) {
  CLI::App* command =
      data.add_subcommand("import", "rewrite another tool's annotations as PNGs of class ids");
  const auto kind = std::make_shared<std::string>();
  const auto request = std::make_shared<datasets::ImportRequest>();
  const auto quiet = std::make_shared<bool>(false);
  command->add_option("kind", *kind, "coco (instances or panoptic), labelme, rgb (masks of colours)")
      ->required()
      ->check(CLI::IsMember(importers()));
  command->add_option("source", request->source, "the JSON file, or the folder")->required();
  command->add_option("-o,--output", request->output, "folder of the data set that is written")->required();
  command->add_option("--split", request->split, "of these images")->capture_default_str();
  command->add_option("--images", request->images, "folder of the images; looked for beside the source");
  command->add_option("--masks", request->masks, "folder of panoptic or colour masks; likewise");
  command->add_option("--classes", request->classes,
                      "a file with the classes: names (labelme), or names and colours (rgb)");
  command->add_flag("-q,--quiet", *quiet, "no progress");
  command->callback([=, &outcome] { outcome.status = import(*kind, *request, *quiet); });
}

}  // namespace graphrun::tools
