#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "graphrun/status.h"
#include "runtime/core/file_descriptor.h"

namespace graphrun::training {

// A run's folder is written by one process at a time: while it is, there is a file run.lock in it with the
// process's id and host. The system takes the lock away from a process that has died.
class RunLock {
 public:
  // Locks an existing folder. Errors: another process holds it, with its id and host; the file cannot be
  // made.
  static Result<std::unique_ptr<RunLock>> take(const std::filesystem::path& folder);
  // The error that take() would have if it were called now; nothing is written. A folder may be missing.
  static Status check(const std::filesystem::path& folder);

  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  RunLock(std::string path, core::FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  core::FileDescriptor file_;
};

}  // namespace graphrun::training
