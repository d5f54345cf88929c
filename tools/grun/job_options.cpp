#include "tools/grun/job_options.h"

#include <fmt/format.h>

#include <cstdio>

#include "tools/grun/ranks.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {

void add_data_options(CLI::App& command, std::string& dataset, std::string& data_root) {
  command.add_option("--dataset", dataset, "a name (grun data list) or a descriptor's path");
  command.add_option("--data-root", data_root, "folder of the data set's files");
}

void add_settings(CLI::App& command, training::SettingSources& settings) {
  command.add_option("--config", settings.configs, "settings, a JSON object")->allow_extra_args(false);
  command.add_option("--set", settings.sets, "key=value: one setting")->allow_extra_args(false);
}

void add_probability_files(CLI::App& command, training::ProbabilityFiles& files) {
  command.add_flag("--confidence", files.confidence,
                   "confidence/NAME.png: probability of the class, 16 bits, 65535 stands for 1");
  command.add_flag("--probabilities", files.probabilities,
                   "probabilities/NAME.npy: of all classes, float32, classes x height x width");
  CLI::Option* threshold =
      command
          .add_option("--threshold", files.threshold,
                      "pixels whose class is less probable get the id of --unsure in gray/, color/, overlay/")
          ->check(CLI::Range(0.0, 1.0));
  command.add_option("--unsure", files.unsure, "an id, of a class or of none")
      ->needs(threshold)
      ->capture_default_str();
}

Result<training::Platform> platform(CommonOptions& options, Outcome& outcome) {
  GRAPHRUN_ASSIGN(const OpRegistry* const registry, options.registry());
  const auto join = [&options, &outcome](double timeout_s) -> Result<training::RankOfJob> {
    GRAPHRUN_ASSIGN(outcome.comm, join_ranks(options, timeout_s));
    if (outcome.comm->rank() > 0) options.quiet = true;
    return training::RankOfJob{outcome.comm, options.threads};
  };
  return training::Platform{*registry, join, [&options] { return options.backend(); }};
}

void print_note(const training::Note& note, const CommonOptions& options) {
  if (!options.quiet) say("{}: {}", note.is_warning ? "warning" : "note", note.text);
}

}  // namespace graphrun::tools
