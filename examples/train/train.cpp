// Compiles a graph and trains it on a data set; Ctrl+C ends the run, and starting it again goes on with it:
//
//     train spnet_tiny.json shapes run train_h=33 train_w=33 batch_size=4
#include <csignal>
#include <iostream>
#include <string>

#include "graphrun/compile.h"
#include "graphrun/trainer.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

class Terminal final : public graphrun::TrainObserver {
 public:
  void note(const std::string& text) override { std::cerr << text << "\n"; }
  void step(const graphrun::TrainStep& step) override {
    std::cout << step.iteration << "/" << step.iterations << " loss " << step.loss << "\n";
  }
  void saved(const std::string& checkpoint) override { std::cout << "saved " << checkpoint << "\n"; }
};

int fail(const graphrun::Status& status) {
  std::cerr << "train: " << status.message() << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return fail({graphrun::ErrorCode::usage, "GRAPH.json DATASET FOLDER [setting=value]..."});
  const graphrun::Result<graphrun::Compilation> compiled = graphrun::compile(argv[1]);
  if (!compiled.ok()) return fail(compiled.status());
  for (const graphrun::Diagnostic& error : compiled->diagnostics) std::cerr << to_string(error) << "\n";
  if (!compiled->model) return 1;
  const std::string folder = argv[3];
  if (const graphrun::Status status = compiled->model->write(folder + ".fb"); !status.ok())
    return fail(status);

  graphrun::TrainerOptions options{.model = folder + ".fb", .dataset = argv[2], .resume = "auto"};
  options.folder = folder;
  for (int i = 4; i < argc; ++i) {
    const std::string setting = argv[i];
    options.settings[setting.substr(0, setting.find('='))] = setting.substr(setting.find('=') + 1);
  }
  Terminal terminal;
  graphrun::Result<graphrun::Trainer> trainer = graphrun::Trainer::prepare(options, &terminal);
  if (!trainer.ok()) return fail(trainer.status());
  std::signal(SIGINT, [](int) { interrupted = 1; });
  const graphrun::StopToken stop(
      [] { return interrupted != 0 ? graphrun::Stop::interrupted : graphrun::Stop::none; });
  const graphrun::Result<graphrun::TrainResult> result = trainer->run(&terminal, stop);
  if (!result.ok()) return fail(result.status());
  std::cout << result->iterations << " iterations, " << result->checkpoint << "\n";
}
