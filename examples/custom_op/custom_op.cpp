// Compiles a graph with ops of a library of one's own, trains it for some steps on the generated data set,
// opens the result and labels an image with it:
//
//     custom_op my_ops.so net.json FOLDER [setting=value]...
#include <graphrun/compile.h>
#include <graphrun/graphrun.h>
#include <graphrun/trainer.h>

#include <iostream>
#include <map>
#include <string>

using namespace graphrun;

namespace {

// Compiles to FILE.
Status compile_to(const std::string& file, const std::string& graph, const OpLibraries& ops) {
  GRAPHRUN_ASSIGN(const Compilation compiled, compile(graph, {.ops = ops}));
  for (const Diagnostic& error : compiled.diagnostics) std::cerr << to_string(error) << "\n";
  if (!compiled.model) return {ErrorCode::invalid_file, graph + " does not compile"};
  return compiled.model->write(file);
}

Result<TrainResult> train(const std::string& model, const std::string& folder, const OpLibraries& ops,
                          const std::map<std::string, std::string>& settings) {
  TrainerOptions options{.model = model, .dataset = "shapes"};
  options.folder = folder;
  options.settings = settings;
  options.ops = ops;
  options.seed = 1;
  options.max_iters = 100;
  GRAPHRUN_ASSIGN(Trainer trainer, Trainer::prepare(options));
  return trainer.run();
}

// One file of what training left in the run's folder.
Status pack(const std::string& bundle, const TrainResult& trained, const OpLibraries& ops) {
  LabelerOptions options{.model = trained.folder + "/model.fb", .weights = trained.checkpoint};
  options.ops = ops;
  GRAPHRUN_ASSIGN(const Labeler labeler, Labeler::open(options));
  return labeler.pack(bundle);
}

// Labels the first image of the data set's split "val"; prints how many of its pixels are right.
Status label(const std::string& bundle, const OpLibraries& ops) {
  GRAPHRUN_ASSIGN(Labeler labeler, Labeler::open({.model = bundle, .ops = ops}));
  GRAPHRUN_ASSIGN(const Dataset data, Dataset::open("shapes"));
  GRAPHRUN_ASSIGN(const auto samples, data.split("val"));
  GRAPHRUN_ASSIGN(const Image image, samples->image(0));
  GRAPHRUN_ASSIGN(const LabelMap truth, samples->label(0));
  GRAPHRUN_ASSIGN(const LabelMap map, labeler.label({image.rgb.data(), image.height, image.width}));
  std::int64_t right = 0;
  for (std::size_t i = 0; i < map.ids.size(); ++i) right += map.ids[i] == truth.ids[i] ? 1 : 0;
  std::cout << right << " of " << map.ids.size() << " pixels are labelled right\n";
  return {};
}

Status run(const std::string& library, const std::string& graph, const std::string& folder,
           const std::map<std::string, std::string>& settings) {
  GRAPHRUN_ASSIGN(const auto ops, open_op_library(library));
  const std::string model = folder + ".fb";
  GRAPHRUN_TRY(compile_to(model, graph, {ops}));
  GRAPHRUN_ASSIGN(const TrainResult trained, train(model, folder, {ops}, settings));
  std::cout << trained.iterations << " iterations, " << trained.checkpoint << "\n";
  GRAPHRUN_TRY(pack(folder + ".grun", trained, {ops}));
  return label(folder + ".grun", {ops});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return std::cerr << "usage: custom_op my_ops.so GRAPH.json FOLDER [setting=value]...\n", 2;
  std::map<std::string, std::string> settings{
      {"base_lr", "0.01"}, {"batch_size", "8"}, {"train_h", "65"}, {"train_w", "65"}};
  for (int i = 4; i < argc; ++i) {
    const std::string setting = argv[i];
    settings[setting.substr(0, setting.find('='))] = setting.substr(setting.find('=') + 1);
  }
  const Status status = run(argv[1], argv[2], argv[3], settings);
  if (status.ok()) return 0;
  std::cerr << "custom_op: " << status.message() << "\n";
  return 1;
}
