#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/collective/communicator.h"

// The subcommands of grun: each adds itself to the command line and sets what runs when it is chosen.
namespace graphrun::tools {

// What a subcommand leaves behind.
struct Outcome {
  Status status;
  int exit_status = 0;  // where there is no error: that of an interrupted run
  // The ranks of a subcommand that ran on several: an error of one must end them all before they part.
  std::shared_ptr<collective::Communicator> comm;
  std::vector<std::string> command;  // the words of the command line, the program's name first
  int launch = 0;                    // ranks to start with this command line, which have not been yet
};

// For a subcommand that works on several ranks: adds --ranks, and sets what each of them runs. It joins them
// as `outcome.ranks`.
void set_ranked_callback(CLI::App& command, Outcome& outcome, std::function<Status()> work);

void add_info(CLI::App& app, Outcome& outcome);
void add_run(CLI::App& app, Outcome& outcome);
void add_predict(CLI::App& app, Outcome& outcome);
void add_train(CLI::App& app, Outcome& outcome);
void add_eval(CLI::App& app, Outcome& outcome);
void add_convert(CLI::App& app, Outcome& outcome);
void add_pack(CLI::App& app, Outcome& outcome);
void add_quantize(CLI::App& app, Outcome& outcome);
void add_export(CLI::App& app, Outcome& outcome);
void add_import(CLI::App& app, Outcome& outcome);
void add_bench(CLI::App& app, Outcome& outcome);
void add_compare(CLI::App& app, Outcome& outcome);
void add_report(CLI::App& app, Outcome& outcome);
void add_runs(CLI::App& app, Outcome& outcome);
void add_data(CLI::App& app, Outcome& outcome);
void add_doctor(CLI::App& app, Outcome& outcome);

}  // namespace graphrun::tools
