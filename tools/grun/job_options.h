#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "tools/grun/commands.h"
#include "tools/grun/common_options.h"
#include "training/evaluation/pictures.h"
#include "training/jobs/note.h"
#include "training/jobs/platform.h"
#include "training/run/resolve.h"

// What the commands that run a job (train, eval) have in common.
namespace graphrun::tools {

// --dataset and --data-root.
void add_data_options(CLI::App& command, std::string& dataset, std::string& data_root);

// --config and --set.
void add_settings(CLI::App& command, training::SettingSources& settings);

// --confidence, --probabilities, --threshold, --unsure.
void add_probability_files(CLI::App& command, training::ProbabilityFiles& files);

// This program for a job: ranks become `outcome.ranks`; --device and --threads become those of this rank, and
// all ranks but the first are quiet from then on. Both must outlive it.
Result<training::Platform> platform(CommonOptions& options, Outcome& outcome);

// "note: ..." or "warning: ..." on standard error, unless -q.
void print_note(const training::Note& note, const CommonOptions& options);

}  // namespace graphrun::tools
