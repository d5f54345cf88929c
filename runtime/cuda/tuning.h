#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "graphrun/status.h"

namespace graphrun::cuda {

class Device;

// Which of several ways to do the same work was the fastest, by the work's key. Kept in a file as well, where
// there is one: a line a choice, "number<tab>machine<tab>key". What such a file says is a hint: whoever asks
// must bear any number. What cannot be read or written is done without.
class Tuning {
 public:
  static constexpr int kMaxNumber = 255;
  struct Choice {
    int number = 0;
    bool tried = false;    // by this process; else it is what the file says
    bool lasting = false;  // worth a line in the file
  };

  Tuning() = default;
  ~Tuning() { save(); }
  Tuning(const Tuning&) = delete;
  Tuning& operator=(const Tuning&) = delete;

  // `machine`: all that choices depend on besides their keys. An empty `file`: none.
  void open(std::string file, std::string machine);
  std::optional<Choice> find(const std::string& key) const;
  void remember(const std::string& key, int number, bool lasting);
  void save();

 private:
  using Choices = std::map<std::string, Choice, std::less<>>;  // by "machine<tab>key"
  void merge(std::string_view text);

  std::string file_, machine_;
  Choices choices_;
  bool changed_ = false;
};

// Milliseconds of the work that `enqueue` starts on the device's stream. Waits for it.
Result<float> time_of(Device& device, const std::function<Status()>& enqueue);

// Device memory for trials, filled with numbers that are finite and not zero in f32 and in bf16.
class TrialMemory {
 public:
  explicit TrialMemory(Device& device) : device_(device) {}
  ~TrialMemory();
  TrialMemory(const TrialMemory&) = delete;
  TrialMemory& operator=(const TrialMemory&) = delete;
  // At least that many bytes, freed with this; null for none. What was had before is gone if there was less.
  Result<void*> at_least(std::int64_t bytes);

 private:
  Device& device_;
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace graphrun::cuda
