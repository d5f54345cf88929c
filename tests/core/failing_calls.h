#pragma once

namespace graphrun::test {

enum class Call { open, write, fsync, close, rename };

// While one lives, the call of this number (from 0) among those of its kind fails with `error`; a write with
// the error 0 takes one byte alone.
class FailingCall {
 public:
  FailingCall(Call call, int number, int error);
  ~FailingCall();
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;
  bool has_failed() const;
};

}  // namespace graphrun::test
