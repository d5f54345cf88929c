#pragma once

#include <functional>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/model/backend.h"

namespace graphrun::model {

// A service of backends whose kernels share a thread's work with others: runs `work`, which prepares or runs
// kernels, where it has all of the backend's threads(), on the calling thread, or on one of its own where
// that is part of a parallel region. Errors: those of `work`; the process was forked from one that had opened
// the device.
class Team {
 public:
  static constexpr std::string_view kService = "team";
  virtual ~Team() = default;
  virtual Status run(const std::function<Status()>& work) const = 0;
};

inline Status run_with_team(const Backend& backend, const std::function<Status()>& work) {
  const Team* const team = service_of<Team>(backend);
  return team == nullptr ? work() : team->run(work);
}

}  // namespace graphrun::model
