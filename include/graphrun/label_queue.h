#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "graphrun/api.h"
#include "graphrun/image.h"
#include "graphrun/labeler.h"
#include "graphrun/status.h"

// Labels what several cameras see, as far as the machine keeps up, and never falls behind:
//
//     auto queue = graphrun::LabelQueue::open(*std::move(labeler), {.streams = 4});
//     queue->offer(camera, {frame, height, width}, [=](const graphrun::Result<graphrun::LabelMap>& map) { ...
//     });
//
// Each stream has a few places for images that wait. Where all are taken the oldest of that stream gives way:
// what is labelled is what was seen last, and memory does not grow. Streams take turns.
namespace graphrun {

struct LabelQueueOptions {
  int streams = 1;
  int places = 1;          // images of a stream that wait, beside the one that is labelled
  LabelDetails details{};  // of the label maps
};

// Images so far.
struct LabelQueueCounts {
  std::int64_t offered = 0;
  std::int64_t labelled = 0;  // errors too
  std::int64_t dropped = 0;
};

// Threads may share a queue.
class GRAPHRUN_API LabelQueue {
 public:
  // Hears of an image, on the queue's thread, which waits for it: its label map or an error of the labeler.
  // An image that gave way is the error `interrupted`, on the thread that offered the next one. It must not
  // throw, nor end the queue.
  using Done = std::function<void(const Result<LabelMap>&)>;

  // Errors: invalid_argument: no stream or no place, more than 1024 of one; out_of_memory: no thread.
  static Result<LabelQueue> open(Labeler labeler, const LabelQueueOptions& options);
  LabelQueue(LabelQueue&&) noexcept;
  LabelQueue& operator=(LabelQueue&&) noexcept;
  // Ends after the image in hand; those that wait are dropped.
  ~LabelQueue();

  // Copies the image and returns at once. Errors: invalid_argument: another stream, an image that is none;
  // out_of_memory.
  Status offer(int stream, const ImageView& image, Done done);
  // Waits until no image waits and none is in hand.
  void wait();
  LabelQueueCounts counts() const;
  Labeler& labeler();

  struct Impl;
  explicit LabelQueue(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphrun
