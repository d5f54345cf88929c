#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphrun/dtype.h"
#include "graphrun/status.h"

// How the ranks of one job exchange numbers. A rank is a process with a device of its own, or with a share of
// the cores.
namespace graphrun::collective {

enum class ReduceOp : std::uint8_t { sum, max };

// The ranks of a job, or some of them. Every rank starts the same operations, on as many elements of the same
// type, in the same order; each runs on its own from then on. Memory is of the communicator's device and must
// be left alone until its operation was waited for. Used by one thread at a time. Errors name the ranks
// that did not take part, with their hosts; after one the communicator is of no use.
class Communicator {
 public:
  using Ticket = std::uint64_t;  // of an operation that was started; valid until it was waited for

  virtual ~Communicator() = default;
  virtual std::string_view name() const = 0;  // "self", "mpi", "nccl"
  virtual int rank() const = 0;
  // By rank: the name of the host it runs on. As many as there are ranks.
  virtual const std::vector<std::string>& hosts() const = 0;
  int size() const { return static_cast<int>(hosts().size()); }
  std::string describe(int rank) const;  // "rank 1 on node7"

  // data[i] of every rank becomes the sum, or the maximum, of all ranks' data[i]: the same bits everywhere.
  // f32, f64, i32, i64; sums of bf16 too. Errors (also of those below): a type that it cannot combine.
  virtual Result<Ticket> all_reduce(void* data, std::int64_t count, DType type, ReduceOp how) = 0;
  // Sums for `root` alone; other ranks' data is undefined afterwards.
  virtual Result<Ticket> reduce(void* data, std::int64_t count, DType type, int root) = 0;
  virtual Result<Ticket> broadcast(void* data, std::int64_t bytes, int root) = 0;
  // data is cut into one part a rank, of bytes[rank], in their order. Each rank has its own part in its
  // place, and has all of them afterwards.
  virtual Result<Ticket> all_gather(void* data, std::span<const std::int64_t> bytes) = 0;

  // Moves what was started forward, where that takes the caller's time. Cheap: for between steps of a run.
  virtual Status progress() = 0;
  // Until the operation has ended (on a GPU: until what is started on the device afterwards comes after it).
  virtual Status wait(Ticket ticket) = 0;

  // The ranks that give the same number, in their order here. Every rank takes part.
  virtual Result<std::unique_ptr<Communicator>> split(int group) = 0;
  // Whether operations may be captured in a CUDA graph.
  virtual bool capturable() const = 0;
  // Ends the processes of all ranks at once, with this exit status: for a rank that cannot go on while
  // others wait for it.
  [[noreturn]] virtual void abort(int exit_status) = 0;
};

// Start and wait.
Status all_reduce(Communicator& comm, void* data, std::int64_t count, DType type,
                  ReduceOp how = ReduceOp::sum);
template <class T>
Status all_reduce(Communicator& comm, std::span<T> data, ReduceOp how = ReduceOp::sum) {
  return all_reduce(comm, data.data(), static_cast<std::int64_t>(data.size()), dtype_of<T>::value, how);
}
Status broadcast(Communicator& comm, void* data, std::int64_t bytes, int root = 0);
// Each rank's text, by rank; host memory only.
Result<std::vector<std::string>> all_gather_text(Communicator& comm, std::string_view text);
// Until every rank is here; host memory only.
Status barrier(Communicator& comm);

// Ranks before this one that share its host, and all that do.
struct LocalRank {
  int index = 0;
  int count = 1;
};
LocalRank local_rank(const Communicator& comm);

}  // namespace graphrun::collective
