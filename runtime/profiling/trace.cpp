#include "runtime/profiling/trace.h"

#include <fmt/format.h>

#include "runtime/core/atomic_file.h"

namespace graphrun::profiling {

Status Trace::write(const std::string& path) const {
  std::string text = "{\"traceEvents\": [";
  for (const auto& [lane, name] : {std::pair(Lane::host, "host"), std::pair(Lane::device, "device")}) {
    text += fmt::format(
        "\n{{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": {}, \"args\": {{\"name\": "
        "\"{}\"}}}},",
        static_cast<int>(lane), name);
  }
  for (const Span& span : spans_) {
    text += fmt::format(
        "\n{{\"name\": {:?}, \"cat\": {:?}, \"ph\": \"X\", \"pid\": 1, \"tid\": {}, \"ts\": {:.3f}, "
        "\"dur\": {:.3f}}},",
        span.name, span.category, static_cast<int>(span.lane), span.start * 1e6,
        (span.end - span.start) * 1e6);
  }
  text.pop_back();
  text += "\n]}\n";
  GRAPHRUN_ASSIGN(core::AtomicFile file, core::AtomicFile::create(path));
  GRAPHRUN_TRY(file.write(text));
  return file.commit();
}

}  // namespace graphrun::profiling
