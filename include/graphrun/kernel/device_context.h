#pragma once

#include "graphrun/status.h"

namespace graphrun {

// State that the kernels of a device share: a stream, handles of libraries. A backend's kernels know its
// class; the host has none.
class DeviceContext {
 public:
  virtual ~DeviceContext() = default;
};

// Work of a device that was kept to be started again as one piece.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual Status replay() = 0;
};

}  // namespace graphrun
