#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "runtime/collective/mpi.h"
#include "runtime/collective/self.h"
#include "tests/datasets/require.h"

namespace graphrun::test {

// The ranks that mpirun started this test program on, or this process alone. Without MPI several ranks are
// skipped.
inline std::unique_ptr<collective::Communicator> join_job(double timeout_s) {
  if (!collective::started_by_launcher()) return collective::make_self();
  if (collective::mpi_version().empty()) {
    std::puts("skipped: this build has no MPI");
    std::exit(77);
  }
  return require(collective::join_mpi({.timeout_s = timeout_s}));
}

}  // namespace graphrun::test
