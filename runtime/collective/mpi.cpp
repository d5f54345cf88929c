#include "runtime/collective/mpi.h"

#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <map>
#include <thread>

#include "graphrun/bfloat16.h"
#include "runtime/collective/host_name.h"

namespace graphrun::collective {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWaitingTag = 1;

Status check(int code, std::string_view what) {
  if (code == MPI_SUCCESS) return {};
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  return {ErrorCode::io,
          std::string(what) + ": " + std::string(text.data(), static_cast<std::size_t>(length))};
}

// MPI knows no bf16: the sum of two numbers in f32, rounded.
void add_bf16(void* in, void* in_out, int* count, MPI_Datatype*) {
  const auto* const from = static_cast<const BFloat16*>(in);
  auto* const to = static_cast<BFloat16*>(in_out);
  for (int i = 0; i < *count; ++i) to[i] = BFloat16(static_cast<float>(to[i]) + static_cast<float>(from[i]));
}

// MPI from its start to its end.
class Library {
 public:
  static Result<std::shared_ptr<Library>> start() {
    int level = 0;
    GRAPHRUN_TRY(check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread"));
    std::shared_ptr<Library> library(new Library());
    if (level < MPI_THREAD_FUNNELED)
      return {ErrorCode::unsupported, "this MPI does not allow a process to have other threads"};
    GRAPHRUN_TRY(check(MPI_Op_create(add_bf16, 1, &library->add_bf16_), "MPI_Op_create"));
    return library;
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { MPI_Finalize(); }
  MPI_Op sum_of(DType type) const { return type == DType::bf16 ? add_bf16_ : MPI_SUM; }

 private:
  Library() = default;
  MPI_Op add_bf16_ = MPI_OP_NULL;
};

Result<MPI_Datatype> datatype(DType type) {
  switch (type) {
    case DType::f32:
      return MPI_FLOAT;
    case DType::f64:
      return MPI_DOUBLE;
    case DType::i32:
      return MPI_INT32_T;
    case DType::i64:
      return MPI_INT64_T;
    case DType::bf16:
      return MPI_UINT16_T;
    default:
      return {ErrorCode::unsupported, "MPI: no sum of " + std::string(to_string(type))};
  }
}

// Calls part(offset, count) with counts that an int holds.
template <class Part>
Status in_parts(std::int64_t count, const Part& part) {
  constexpr std::int64_t kMax = std::int64_t{1} << 30;
  for (std::int64_t at = 0; at < count; at += kMax)
    GRAPHRUN_TRY(part(at, static_cast<int>(std::min(kMax, count - at))));
  return {};
}

class Mpi final : public Communicator {
 public:
  Mpi(std::shared_ptr<Library> library, MPI_Comm comm, double timeout_s)
      : library_(std::move(library)), comm_(comm), timeout_s_(timeout_s) {}
  Mpi(const Mpi&) = delete;
  Mpi& operator=(const Mpi&) = delete;
  ~Mpi() override { MPI_Comm_free(&comm_); }

  Status meet() {
    GRAPHRUN_TRY(check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
    GRAPHRUN_TRY(check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank"));
    int size = 0;
    GRAPHRUN_TRY(check(MPI_Comm_size(comm_, &size), "MPI_Comm_size"));
    constexpr std::size_t kName = 256;
    std::vector<char> names(kName * static_cast<std::size_t>(size));
    std::string own = host_name();
    own.resize(kName);
    GRAPHRUN_TRY(check(MPI_Allgather(own.data(), kName, MPI_CHAR, names.data(), kName, MPI_CHAR, comm_),
                       "MPI_Allgather"));
    for (std::size_t r = 0; r < static_cast<std::size_t>(size); ++r)
      hosts_.emplace_back(names.data() + r * kName);
    return {};
  }

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return rank_; }
  const std::vector<std::string>& hosts() const override { return hosts_; }
  bool capturable() const override { return false; }

  Result<Ticket> all_reduce(void* data, std::int64_t count, DType type, ReduceOp how) override {
    GRAPHRUN_ASSIGN(const MPI_Datatype mpi_type, datatype(type));
    if (how == ReduceOp::max && type == DType::bf16)
      return {ErrorCode::unsupported, "MPI: no maximum of bf16"};
    const MPI_Op op = how == ReduceOp::max ? MPI_MAX : library_->sum_of(type);
    return start([&](std::vector<MPI_Request>& requests) {
      return in_parts(count, [&](std::int64_t at, int part) {
        return check(MPI_Iallreduce(MPI_IN_PLACE, offset(data, at * bytes(type)), part, mpi_type, op, comm_,
                                    &requests.emplace_back()),
                     "MPI_Iallreduce");
      });
    });
  }

  Result<Ticket> reduce(void* data, std::int64_t count, DType type, int root) override {
    GRAPHRUN_ASSIGN(const MPI_Datatype mpi_type, datatype(type));
    return start([&](std::vector<MPI_Request>& requests) {
      return in_parts(count, [&](std::int64_t at, int part) {
        void* const own = offset(data, at * bytes(type));
        return check(MPI_Ireduce(rank_ == root ? MPI_IN_PLACE : own, own, part, mpi_type,
                                 library_->sum_of(type), root, comm_, &requests.emplace_back()),
                     "MPI_Ireduce");
      });
    });
  }

  Result<Ticket> broadcast(void* data, std::int64_t bytes, int root) override {
    return start([&](std::vector<MPI_Request>& requests) {
      return in_parts(bytes, [&](std::int64_t at, int part) {
        return check(MPI_Ibcast(offset(data, at), part, MPI_BYTE, root, comm_, &requests.emplace_back()),
                     "MPI_Ibcast");
      });
    });
  }

  // One broadcast a rank: parts may differ in size, and none needs a count beyond an int.
  Result<Ticket> all_gather(void* data, std::span<const std::int64_t> bytes) override {
    if (std::ssize(bytes) != size())
      return {ErrorCode::invalid_argument, "all_gather: expected one number of bytes a rank"};
    return start([&](std::vector<MPI_Request>& requests) -> Status {
      std::int64_t first = 0;
      for (int root = 0; root < size(); ++root) {
        const std::int64_t own = bytes[static_cast<std::size_t>(root)];
        GRAPHRUN_TRY(in_parts(own, [&](std::int64_t at, int part) {
          return check(
              MPI_Ibcast(offset(data, first + at), part, MPI_BYTE, root, comm_, &requests.emplace_back()),
              "MPI_Ibcast");
        }));
        first += own;
      }
      return {};
    });
  }

  Status progress() override {
    for (auto& [ticket, requests] : pending_) GRAPHRUN_TRY(status_of(test(requests)));
    return {};
  }

  Status wait(Ticket ticket) override {
    const auto found = pending_.find(ticket);
    if (found == pending_.end()) return {ErrorCode::internal, "wait() for what was not started"};
    const auto begin = Clock::now();
    for (;;) {
      GRAPHRUN_ASSIGN(const bool done, test(found->second));
      if (done) break;
      const std::chrono::duration<double> waited = Clock::now() - begin;
      // Short waits, such as for batch norm, must not sleep; long ones must not take time from others.
      constexpr double kAwake = 5e-3;
      if (waited.count() < kAwake) {
        sched_yield();
        continue;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      GRAPHRUN_ASSIGN(const bool called, hear());
      if (called || waited.count() > timeout_s_) return name_missing(waited.count());
    }
    pending_.erase(found);
    return {};
  }

  Result<std::unique_ptr<Communicator>> split(int group) override {
    MPI_Comm part = MPI_COMM_NULL;
    GRAPHRUN_TRY(check(MPI_Comm_split(comm_, group, rank_, &part), "MPI_Comm_split"));
    auto made = std::make_unique<Mpi>(library_, part, timeout_s_);
    GRAPHRUN_TRY(made->meet());
    return std::unique_ptr<Communicator>(std::move(made));
  }

  [[noreturn]] void abort(int exit_status) override {
    MPI_Abort(MPI_COMM_WORLD, exit_status);
    std::_Exit(exit_status);
  }

 private:
  static std::int64_t bytes(DType type) { return static_cast<std::int64_t>(size_of(type)); }
  static void* offset(void* data, std::int64_t bytes) { return static_cast<std::byte*>(data) + bytes; }

  template <class Begin>
  Result<Ticket> start(const Begin& begin) {
    std::vector<MPI_Request> requests;
    GRAPHRUN_TRY(begin(requests));
    const Ticket ticket = next_++;
    pending_.emplace(ticket, std::move(requests));
    return ticket;
  }

  static Result<bool> test(std::vector<MPI_Request>& requests) {
    int done = 0;
    GRAPHRUN_TRY(
        check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE),
              "a collective operation"));
    return done != 0;
  }

  // Notes the ranks that say that they wait; true if there were any.
  Result<bool> hear() {
    for (bool heard = false;; heard = true) {
      int there = 0;
      MPI_Status status;
      GRAPHRUN_TRY(check(MPI_Iprobe(MPI_ANY_SOURCE, kWaitingTag, comm_, &there, &status), "MPI_Iprobe"));
      if (there == 0) return heard;
      char nothing = 0;
      GRAPHRUN_TRY(
          check(MPI_Recv(&nothing, 1, MPI_CHAR, status.MPI_SOURCE, kWaitingTag, comm_, MPI_STATUS_IGNORE),
                "MPI_Recv"));
      waiting_.resize(hosts_.size());
      waiting_[static_cast<std::size_t>(status.MPI_SOURCE)] = true;
    }
  }

  // Ranks that live answer at once, unless their host has no time for them just then. So a second silent rank
  // is given as long as the first was: a wrong name costs a user more than a later message.
  Status listen() {
    constexpr double kAnswer = 3;
    const auto silent = [&] { return std::ranges::count(waiting_, false); };
    const auto begin = Clock::now();
    for (double passed = 0; passed < (silent() > 1 ? std::max(kAnswer, timeout_s_) : kAnswer);) {
      GRAPHRUN_TRY(status_of(hear()));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      passed = std::chrono::duration<double>(Clock::now() - begin).count();
    }
    return {};
  }

  // Every rank that waits says so to all others; who has said nothing after a while is what they wait for.
  Status name_missing(double waited) {
    waiting_.resize(hosts_.size());
    waiting_[static_cast<std::size_t>(rank_)] = true;
    const char nothing = 0;
    for (int other = 0; other < size(); ++other) {
      if (other == rank_) continue;
      // Nobody waits for these: a rank that is gone never receives its own.
      MPI_Request request = MPI_REQUEST_NULL;
      // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker)
      GRAPHRUN_TRY(check(MPI_Isend(&nothing, 1, MPI_CHAR, other, kWaitingTag, comm_, &request), "MPI_Isend"));
      // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker)
      GRAPHRUN_TRY(check(MPI_Request_free(&request), "MPI_Request_free"));
    }
    GRAPHRUN_TRY(listen());
    std::string missing;
    for (int other = 0; other < size(); ++other) {
      if (!waiting_[static_cast<std::size_t>(other)])
        missing += (missing.empty() ? "" : ", ") + describe(other);
    }
    const std::string time = std::to_string(static_cast<int>(waited)) + " s";
    if (missing.empty()) return {ErrorCode::io, "all ranks wait, for different operations, after " + time};
    return {ErrorCode::io, "no answer from " + missing + ": waited " + time + " for it to take part"};
  }

  std::shared_ptr<Library> library_;
  MPI_Comm comm_;
  double timeout_s_;
  int rank_ = 0;
  std::vector<std::string> hosts_;
  std::map<Ticket, std::vector<MPI_Request>> pending_;
  Ticket next_ = 1;
  std::vector<bool> waiting_;  // ranks that have said that they wait
};

}  // namespace

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return {};
  const std::string version(text.data(), static_cast<std::size_t>(length));
  return version.substr(0, version.find(','));
}

bool started_by_launcher() {
  return std::ranges::any_of(std::array{"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK"},
                             [](const char* name) { return std::getenv(name) != nullptr; });
}

Result<std::unique_ptr<Communicator>> join_mpi(const MpiOptions& options) {
  GRAPHRUN_ASSIGN(std::shared_ptr<Library> library, Library::start());
  MPI_Comm all = MPI_COMM_NULL;
  GRAPHRUN_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &all), "MPI_Comm_dup"));
  auto made = std::make_unique<Mpi>(std::move(library), all, options.timeout_s);
  GRAPHRUN_TRY(made->meet());
  return std::unique_ptr<Communicator>(std::move(made));
}

}  // namespace graphrun::collective
