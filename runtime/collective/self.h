#pragma once

#include <memory>

#include "runtime/collective/communicator.h"

namespace graphrun::collective {

// One rank: every operation is the identity, on any memory.
std::unique_ptr<Communicator> make_self();

}  // namespace graphrun::collective
