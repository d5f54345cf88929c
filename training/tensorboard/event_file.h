#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/core/file_descriptor.h"
#include "training/tensorboard/event.h"

namespace graphrun::training {

// An event file that TensorBoard reads: events.out.tfevents.TIME.HOST.PID in a run's folder. Every event is
// given to the system at once, so that a killed run loses none.
class EventFile {
 public:
  // A new file, after all that are in the folder. `restart` > 0: a resumed run whose next iteration it is; a
  // reader that already has that step and later ones drops them.
  static Result<std::unique_ptr<EventFile>> create(const std::filesystem::path& folder, std::int64_t restart);

  Status scalars(std::int64_t step, std::span<const Scalar> scalars);
  // `png` is of that size.
  Status image(std::int64_t step, std::string_view tag, std::int64_t height, std::int64_t width,
               std::string_view png);

 private:
  EventFile(std::filesystem::path path, core::FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  Status append(std::string_view payload);
  std::filesystem::path path_;
  core::FileDescriptor file_;
};

// Cuts every event file of the folder before its first event that is to be dropped, so that what a resumed
// run does again is in no file twice. Bytes that are no whole record (of a killed run) are cut as well.
Status cut_event_files(const std::filesystem::path& folder, const std::function<bool(const EventKey&)>& drop);

}  // namespace graphrun::training
