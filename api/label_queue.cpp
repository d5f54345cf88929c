#include "graphrun/label_queue.h"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/core/guard.h"
#include "runtime/imaging/resample.h"

namespace graphrun {
namespace {

// An image of its own memory, in dense rows.
struct Waiting {
  std::vector<std::byte> bytes;
  ImageView view;
  LabelQueue::Done done;

  Waiting(const ImageView& image, LabelQueue::Done hears)
      : bytes(static_cast<std::size_t>(image.height * image.row_bytes())),
        view(image),
        done(std::move(hears)) {
    for (std::int64_t y = 0; y < image.height; ++y) {
      std::memcpy(bytes.data() + y * image.row_bytes(),
                  static_cast<const std::byte*>(image.data) + y * image.pitch(),
                  static_cast<std::size_t>(image.row_bytes()));
    }
    view.data = bytes.data();
    view.row_pitch = 0;
  }
};

}  // namespace

struct LabelQueue::Impl {
  Labeler labeler;
  LabelQueueOptions options;
  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::vector<std::deque<Waiting>> streams;
  std::size_t next = 0;  // the stream whose turn it is
  bool in_hand = false;
  bool ends = false;
  LabelQueueCounts counts;
  std::thread thread;

  Impl(Labeler with, const LabelQueueOptions& chosen)
      : labeler(std::move(with)), options(chosen), streams(static_cast<std::size_t>(chosen.streams)) {
    thread = std::thread([this] { work(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      ends = true;
    }
    changed.notify_all();
    thread.join();
  }

  // The first stream from `next` on in which an image waits; their number where none does.
  std::size_t stream_in_turn() const {
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const std::size_t stream = (next + i) % streams.size();
      if (!streams[stream].empty()) return stream;
    }
    return streams.size();
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return ends || stream_in_turn() < streams.size(); });
      if (ends) return;
      const std::size_t stream = stream_in_turn();
      Waiting image = std::move(streams[stream].front());
      streams[stream].pop_front();
      next = (stream + 1) % streams.size();
      in_hand = true;
      lock.unlock();
      image.done(labeler.label(image.view, options.details));
      lock.lock();
      in_hand = false;
      ++counts.labelled;
      changed.notify_all();
    }
  }
};

LabelQueue::LabelQueue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LabelQueue::LabelQueue(LabelQueue&&) noexcept = default;
LabelQueue& LabelQueue::operator=(LabelQueue&&) noexcept = default;
LabelQueue::~LabelQueue() = default;

Result<LabelQueue> LabelQueue::open(Labeler labeler, const LabelQueueOptions& options) try {
  constexpr int kMax = 1024;
  if (options.streams < 1 || options.streams > kMax || options.places < 1 || options.places > kMax)
    return {ErrorCode::invalid_argument, "streams and places: 1 to 1024 are expected"};
  return LabelQueue(std::make_unique<Impl>(std::move(labeler), options));
} catch (...) {
  return core::caught();
}

Status LabelQueue::offer(int stream, const ImageView& image, Done done) try {
  if (stream < 0 || stream >= impl_->options.streams)
    return {ErrorCode::invalid_argument, "there is no stream " + std::to_string(stream)};
  if (done == nullptr) return {ErrorCode::invalid_argument, "nobody hears of the image"};
  GRAPHRUN_TRY(imaging::check_image(image, impl_->labeler.channels()));
  Waiting waiting(image, std::move(done));
  Done gives_way;
  {
    const std::lock_guard lock(impl_->mutex);
    std::deque<Waiting>& places = impl_->streams[static_cast<std::size_t>(stream)];
    places.push_back(std::move(waiting));
    ++impl_->counts.offered;
    if (std::ssize(places) > impl_->options.places) {
      gives_way = std::move(places.front().done);
      places.pop_front();
      ++impl_->counts.dropped;
    }
  }
  impl_->changed.notify_all();
  if (gives_way != nullptr) gives_way(Status(ErrorCode::interrupted, "a later image took its place"));
  return {};
} catch (...) {
  return core::caught();
}

void LabelQueue::wait() {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock,
                      [&] { return !impl_->in_hand && impl_->stream_in_turn() == impl_->streams.size(); });
}

LabelQueueCounts LabelQueue::counts() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counts;
}

Labeler& LabelQueue::labeler() { return impl_->labeler; }

}  // namespace graphrun
