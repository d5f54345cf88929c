#include "runtime/cuda/tuning.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "runtime/core/file.h"
#include "runtime/cuda/check.h"
#include "runtime/cuda/device.h"

namespace graphrun::cuda {
namespace {

constexpr std::int64_t kMaxFile = std::int64_t{8} << 20;

using TimedEvent = Handle<cudaEvent_t, cudaEventDestroy>;
Result<TimedEvent> make_timed_event() {
  cudaEvent_t event = nullptr;
  GRAPHRUN_TRY(check(cudaEventCreate(&event), "cudaEventCreate"));
  return TimedEvent(event);
}

// Signs and digits differ; the exponents of both halves of a word are those of about 0.01.
std::vector<std::uint32_t> pattern() {
  std::vector<std::uint32_t> words(std::size_t{1} << 18);
  std::uint32_t state = 1;
  for (std::uint32_t& word : words) {
    state = state * 1664525u + 1013904223u;
    word = (state & 0x807F807Fu) | 0x3C003C00u;
  }
  return words;
}

}  // namespace

void Tuning::open(std::string file, std::string machine) {
  file_ = std::move(file);
  machine_ = std::move(machine);
  if (file_.empty()) return;
  if (const auto text = core::read_file(file_, kMaxFile); text.ok()) merge(*text);
}

// What is known already stays.
void Tuning::merge(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    int number = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    const auto at = static_cast<std::size_t>(rest - line.data());
    if (error != std::errc() || number < 0 || number > kMaxNumber || at >= line.size() || line[at] != '\t')
      continue;
    choices_.try_emplace(std::string(line.substr(at + 1)), Choice{.number = number, .lasting = true});
  }
}

std::optional<Tuning::Choice> Tuning::find(const std::string& key) const {
  const auto found = choices_.find(machine_ + '\t' + key);
  if (found == choices_.end()) return std::nullopt;
  return found->second;
}

void Tuning::remember(const std::string& key, int number, bool lasting) {
  Choice& choice = choices_[machine_ + '\t' + key];
  changed_ = changed_ || (lasting && (!choice.lasting || choice.number != number));
  choice = {number, true, lasting};
}

void Tuning::save() {
  if (file_.empty() || !changed_) return;
  changed_ = false;
  // Others may have written since.
  if (const auto text = core::read_file(file_, kMaxFile); text.ok()) merge(*text);
  std::string text;
  for (const auto& [key, choice] : choices_) {
    if (choice.lasting) text += std::to_string(choice.number) + '\t' + key + '\n';
  }
  if (!core::write_file(file_, std::string_view(text)).ok()) file_.clear();
}

Result<float> time_of(Device& device, const std::function<Status()>& enqueue) {
  GRAPHRUN_ASSIGN(const TimedEvent begin, make_timed_event());
  GRAPHRUN_ASSIGN(const TimedEvent end, make_timed_event());
  GRAPHRUN_TRY(check(cudaEventRecord(begin.get(), device.stream()), "cudaEventRecord"));
  GRAPHRUN_TRY(enqueue());
  GRAPHRUN_TRY(check(cudaEventRecord(end.get(), device.stream()), "cudaEventRecord"));
  GRAPHRUN_TRY(check(cudaEventSynchronize(end.get()), "cudaEventSynchronize"));
  float milliseconds = 0;
  GRAPHRUN_TRY(check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "cudaEventElapsedTime"));
  return milliseconds;
}

TrialMemory::~TrialMemory() {
  if (data_ != nullptr) device_.free(data_);
}

Result<void*> TrialMemory::at_least(std::int64_t bytes) {
  if (bytes <= bytes_) return data_;
  if (data_ != nullptr) device_.free(std::exchange(data_, nullptr));
  bytes_ = 0;
  GRAPHRUN_ASSIGN(data_, device_.allocate(bytes));
  bytes_ = bytes;
  const std::vector<std::uint32_t> words = pattern();
  const std::int64_t piece = std::min(bytes, static_cast<std::int64_t>(words.size() * sizeof words[0]));
  GRAPHRUN_TRY(device_.copy_to_device(data_, words.data(), piece));
  // Each copy doubles what is filled.
  for (std::int64_t done = piece; done < bytes; done *= 2) {
    const std::int64_t count = std::min(done, bytes - done);
    GRAPHRUN_TRY(
        check(cudaMemcpyAsync(static_cast<std::byte*>(data_) + done, data_, static_cast<std::size_t>(count),
                              cudaMemcpyDeviceToDevice, device_.stream()),
              "cudaMemcpyAsync"));
  }
  return data_;
}

}  // namespace graphrun::cuda
