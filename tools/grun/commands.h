#pragma once

#include <CLI/CLI.hpp>

#include "runtime/core/status.h"

// The subcommands of grun: each adds itself to the command line and sets what runs when it is chosen.
namespace graphrun {

// What a subcommand leaves behind: its error, or an exit status of its own (an interrupted run).
struct Outcome {
  Status status;
  int exit_status = 0;
};

void add_info(CLI::App& app, Outcome& outcome);
void add_run(CLI::App& app, Outcome& outcome);
void add_predict(CLI::App& app, Outcome& outcome);
void add_train(CLI::App& app, Outcome& outcome);
void add_eval(CLI::App& app, Outcome& outcome);
void add_convert(CLI::App& app, Outcome& outcome);
void add_bench(CLI::App& app, Outcome& outcome);
void add_data(CLI::App& app, Outcome& outcome);
void add_doctor(CLI::App& app, Outcome& outcome);

}  // namespace graphrun
