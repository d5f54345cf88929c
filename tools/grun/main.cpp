#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <span>

#include "graphrun/version.h"
#include "tools/grun/commands.h"
#include "tools/grun/launch.h"
#include "tools/grun/ranks.h"

// Exit status: 0 done, 1 the input is wrong or the work failed, 2 the command line is wrong, 130/143
// interrupted.
int main(int argc, char** argv) {
  CLI::App app{"grun: train, evaluate and run compiled graphs"};
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("grun {} ({})", graphrun::version(), graphrun::build()));
  graphrun::tools::Outcome outcome;
  graphrun::tools::add_info(app, outcome);
  graphrun::tools::add_run(app, outcome);
  graphrun::tools::add_predict(app, outcome);
  graphrun::tools::add_train(app, outcome);
  graphrun::tools::add_eval(app, outcome);
  graphrun::tools::add_convert(app, outcome);
  graphrun::tools::add_pack(app, outcome);
  graphrun::tools::add_bench(app, outcome);
  graphrun::tools::add_data(app, outcome);
  graphrun::tools::add_doctor(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "grun: error: {}\n", error.what());
    return 1;
  }
  if (outcome.launch > 0) {
    const auto launched = graphrun::tools::launch_ranks(
        outcome.launch, std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    if (launched.ok()) return *launched;
    outcome.status = launched.status();
  }
  if (!outcome.status.ok()) {
    const int exit_status = outcome.status.code() == graphrun::ErrorCode::usage ? 2 : 1;
    graphrun::tools::report_error(outcome.comm.get(), outcome.status, exit_status);
    return exit_status;
  }
  return outcome.exit_status;
}
