#pragma once

#include <CLI/CLI.hpp>

#include "training/jobs/protocol_choice.h"

namespace graphrun::tools {

// The protocol's options of the command line.
struct ProtocolOptions : training::ProtocolChoice {
  void add_to(CLI::App& command);
  // Those that say which protocol it is, without those of time and memory.
  void add_choice_to(CLI::App& command);
};

}  // namespace graphrun::tools
