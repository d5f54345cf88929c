#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace graphrun {

// Why a long piece of work is to end before it is done.
enum class Stop : std::uint8_t { none, interrupted, terminated };

// Asks a long piece of work to end at its next whole step: what was done until then is saved and returned.
//
//     std::atomic<bool> enough = false;
//     const graphrun::StopToken stop(
//         [&] { return enough ? graphrun::Stop::interrupted : graphrun::Stop::none; });
//
// The function is called between steps, on the thread that works; it may be called from several threads.
class StopToken {
 public:
  StopToken() = default;  // never asks
  explicit StopToken(std::function<Stop()> asks) : asks_(std::move(asks)) {}
  Stop asked() const { return asks_ ? asks_() : Stop::none; }

 private:
  std::function<Stop()> asks_;
};

}  // namespace graphrun
