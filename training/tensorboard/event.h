#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// TensorBoard's messages (tensorflow/core/util/event.proto, framework/summary.proto) as protocol buffers, and
// their framing as records (TFRecord).
namespace graphrun::training {

struct Scalar {
  std::string_view tag;
  double value = 0;
};

// `time`: seconds since 1970.
std::string version_event(double time);  // the first of a file
// A run that starts again: readers drop what they have of `step` and later.
std::string restart_event(double time, std::int64_t step);
std::string scalar_event(double time, std::int64_t step, std::span<const Scalar> scalars);
std::string image_event(double time, std::int64_t step, std::string_view tag, std::int64_t height,
                        std::int64_t width, std::string_view png);

// Length (u64), its masked CRC, the payload, its masked CRC; little-endian.
std::string frame(std::string_view payload);
inline constexpr std::size_t kFrameHead = 12;  // bytes before the payload
inline constexpr std::size_t kFrameTail = 4;
// The payload's length; empty where the CRC does not fit. Precondition: kFrameHead bytes.
std::optional<std::uint64_t> framed_length(std::string_view head);

// What identifies an event: its step and the tag of its first value (empty for other events). Empty for bytes
// that are no event.
struct EventKey {
  std::int64_t step = 0;
  std::string tag;
};
std::optional<EventKey> read_event(std::string_view payload);

}  // namespace graphrun::training
