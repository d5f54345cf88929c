#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <span>

#include "graphrun/version.h"
#include "runtime/core/guard.h"
#include "tools/grun/commands.h"
#include "tools/grun/ranks.h"
#include "tools/ranks/launch.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/output.h"

namespace {

int run(CLI::App& app, graphrun::tools::Outcome& outcome, std::span<char* const> arguments) {
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::ParseError& error) {
    return graphrun::tools::end_of_parsing(app, error);
  } catch (...) {
    outcome.status = graphrun::core::caught();
  }
  if (outcome.launch > 0) {
    const auto launched = graphrun::tools::launch_ranks(outcome.launch, arguments.subspan(1));
    if (launched.ok()) return *launched;
    outcome.status = launched.status();
  }
  if (outcome.status.ok()) return outcome.exit_status;
  const int exit_status = outcome.status.code() == graphrun::ErrorCode::usage ? 2 : 1;
  graphrun::tools::report_error(outcome.comm.get(), outcome.status, exit_status);
  return exit_status;
}

}  // namespace

// Exit status: 0 done, 1 the input is wrong or the work failed, 2 the command line is wrong, 130/143
// interrupted.
int main(int argc, char** argv) try {
  graphrun::tools::prepare_streams();
  // LLVM's OpenMP runtime looks for a tool in all folders of libraries when it starts, which takes a
  // millisecond.
  setenv("OMP_TOOL", "disabled", 0);
  CLI::App app{"grun: train, evaluate and run compiled graphs"};
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("grun {} ({})", graphrun::version(), graphrun::build()));
  graphrun::tools::Outcome outcome;
  outcome.command.assign(argv, argv + argc);
  if (argc > 0) outcome.command[0] = std::filesystem::path(argv[0]).filename().string();
  graphrun::tools::add_info(app, outcome);
  graphrun::tools::add_run(app, outcome);
  graphrun::tools::add_predict(app, outcome);
  graphrun::tools::add_train(app, outcome);
  graphrun::tools::add_eval(app, outcome);
  graphrun::tools::add_report(app, outcome);
  graphrun::tools::add_runs(app, outcome);
  graphrun::tools::add_compare(app, outcome);
  graphrun::tools::add_convert(app, outcome);
  graphrun::tools::add_pack(app, outcome);
  graphrun::tools::add_quantize(app, outcome);
  graphrun::tools::add_export(app, outcome);
  graphrun::tools::add_import(app, outcome);
  graphrun::tools::add_bench(app, outcome);
  graphrun::tools::add_data(app, outcome);
  graphrun::tools::add_doctor(app, outcome);
  graphrun::tools::let_last_win(app);
  const int status = run(app, outcome, std::span(argv, static_cast<std::size_t>(argc)));
  const graphrun::Status written = graphrun::tools::finish_output();
  if (written.ok() || status != 0) return status;
  graphrun::tools::say("grun: error: {}", written.message());
  return 1;
} catch (const std::exception&) {
  // What comes before run(): the options themselves take memory. A message that is made would take more.
  std::fputs("grun: error: out of memory\n", stderr);
  return 1;
}
