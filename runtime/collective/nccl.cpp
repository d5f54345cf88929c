#include "runtime/collective/nccl.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "runtime/cuda/stream.h"

namespace graphrun::collective {
namespace {

using cuda::check;
using cuda::Event;
using cuda::make_event;
using cuda::make_stream;
using cuda::Stream;

Status check(ncclResult_t code, std::string_view what) {
  if (code == ncclSuccess) return {};
  return {ErrorCode::io, std::string(what) + ": " + ncclGetErrorString(code)};
}

Result<ncclDataType_t> datatype(DType type) {
  switch (type) {
    case DType::f32:
      return ncclFloat32;
    case DType::f64:
      return ncclFloat64;
    case DType::i32:
      return ncclInt32;
    case DType::i64:
      return ncclInt64;
    case DType::bf16:
      return ncclBfloat16;
    default:
      return {ErrorCode::unsupported, "NCCL: no sum of " + std::string(to_string(type))};
  }
}

class Nccl final : public Communicator {
 public:
  Nccl(Communicator& host, cudaStream_t kernels, Stream own)
      : host_(host), kernels_(kernels), own_(std::move(own)) {}
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;
  ~Nccl() override {
    if (comm_ != nullptr) ncclCommDestroy(comm_);
  }

  // Collective over the ranks of the host communicator, which carries NCCL's id.
  Status meet() {
    ncclUniqueId id{};
    if (host_.rank() == 0) GRAPHRUN_TRY(check(ncclGetUniqueId(&id), "ncclGetUniqueId"));
    GRAPHRUN_TRY(graphrun::collective::broadcast(host_, &id, sizeof(id)));
    return check(ncclCommInitRank(&comm_, host_.size(), id, host_.rank()), "ncclCommInitRank");
  }

  std::string_view name() const override { return "nccl"; }
  int rank() const override { return host_.rank(); }
  const std::vector<std::string>& hosts() const override { return host_.hosts(); }
  bool capturable() const override { return true; }

  Result<Ticket> all_reduce(void* data, std::int64_t count, DType type, ReduceOp how) override {
    GRAPHRUN_ASSIGN(const ncclDataType_t nccl_type, datatype(type));
    return start([&] {
      return check(ncclAllReduce(data, data, static_cast<std::size_t>(count), nccl_type,
                                 how == ReduceOp::max ? ncclMax : ncclSum, comm_, own_.get()),
                   "ncclAllReduce");
    });
  }
  Result<Ticket> reduce(void* data, std::int64_t count, DType type, int root) override {
    GRAPHRUN_ASSIGN(const ncclDataType_t nccl_type, datatype(type));
    return start([&] {
      return check(ncclReduce(data, data, static_cast<std::size_t>(count), nccl_type, ncclSum, root, comm_,
                              own_.get()),
                   "ncclReduce");
    });
  }
  Result<Ticket> broadcast(void* data, std::int64_t bytes, int root) override {
    return start([&] { return send(data, bytes, root); });
  }
  // One broadcast a rank, as one operation: parts may differ in size.
  Result<Ticket> all_gather(void* data, std::span<const std::int64_t> bytes) override {
    if (std::ssize(bytes) != size())
      return {ErrorCode::invalid_argument, "all_gather: expected one number of bytes a rank"};
    return start([&]() -> Status {
      GRAPHRUN_TRY(check(ncclGroupStart(), "ncclGroupStart"));
      auto* part = static_cast<std::byte*>(data);
      Status sent;
      for (int root = 0; root < size() && sent.ok(); ++root) {
        sent = send(part, bytes[static_cast<std::size_t>(root)], root);
        part += bytes[static_cast<std::size_t>(root)];
      }
      const Status ended = check(ncclGroupEnd(), "ncclGroupEnd");
      return sent.ok() ? ended : sent;
    });
  }

  // The device works by itself; what failed meanwhile shows here.
  Status progress() override {
    ncclResult_t state = ncclSuccess;
    GRAPHRUN_TRY(check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError"));
    return check(state, "NCCL");
  }
  Status wait(Ticket ticket) override {
    const auto found = pending_.find(ticket);
    if (found == pending_.end()) return {ErrorCode::internal, "wait() for what was not started"};
    GRAPHRUN_TRY(check(cudaStreamWaitEvent(kernels_, found->second.get(), 0), "cudaStreamWaitEvent"));
    pending_.erase(found);
    return progress();
  }

  Result<std::unique_ptr<Communicator>> split(int group) override {
    GRAPHRUN_ASSIGN(std::unique_ptr<Communicator> part, host_.split(group));
    GRAPHRUN_ASSIGN(Stream own, make_stream());
    auto made = std::make_unique<Nccl>(*part, kernels_, std::move(own));
    GRAPHRUN_TRY(made->meet());
    made->owned_host_ = std::move(part);
    return std::unique_ptr<Communicator>(std::move(made));
  }

  [[noreturn]] void abort(int exit_status) override {
    ncclCommAbort(comm_);
    host_.abort(exit_status);
    std::_Exit(exit_status);
  }

 private:
  Status send(void* data, std::int64_t bytes, int root) {
    return check(
        ncclBroadcast(data, data, static_cast<std::size_t>(bytes), ncclUint8, root, comm_, own_.get()),
        "ncclBroadcast");
  }

  template <class Begin>
  Result<Ticket> start(const Begin& begin) {
    GRAPHRUN_ASSIGN(const Event before, make_event());
    GRAPHRUN_ASSIGN(Event after, make_event());
    GRAPHRUN_TRY(check(cudaEventRecord(before.get(), kernels_), "cudaEventRecord"));
    GRAPHRUN_TRY(check(cudaStreamWaitEvent(own_.get(), before.get(), 0), "cudaStreamWaitEvent"));
    GRAPHRUN_TRY(begin());
    GRAPHRUN_TRY(check(cudaEventRecord(after.get(), own_.get()), "cudaEventRecord"));
    const Ticket ticket = next_++;
    pending_.emplace(ticket, std::move(after));
    return ticket;
  }

  Communicator& host_;
  std::unique_ptr<Communicator> owned_host_;
  cudaStream_t kernels_;
  Stream own_;
  ncclComm_t comm_ = nullptr;
  std::map<Ticket, Event> pending_;
  Ticket next_ = 1;
};

}  // namespace

std::string nccl_version() {
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) return {};
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

Result<std::unique_ptr<Communicator>> make_nccl(Communicator& host, void* stream) {
  GRAPHRUN_ASSIGN(Stream own, make_stream());
  auto made = std::make_unique<Nccl>(host, static_cast<cudaStream_t>(stream), std::move(own));
  GRAPHRUN_TRY(made->meet());
  return std::unique_ptr<Communicator>(std::move(made));
}

}  // namespace graphrun::collective
