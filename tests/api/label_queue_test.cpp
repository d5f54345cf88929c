#include "graphrun/label_queue.h"

#include <atomic>
#include <future>
#include <vector>

#include "tests/api/files.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

LabelQueue open_queue(const Disk& disk, const LabelQueueOptions& options) {
  LabelerOptions labeling{.model = disk.path("model.grun")};
  labeling.device = "cpu";
  labeling.threads = 1;
  return take(LabelQueue::open(take(Labeler::open(labeling)), options));
}

// An image in hand that stays there until release().
class Held {
 public:
  Held(LabelQueue& queue, const ImageView& image) {
    take(queue.offer(0, image, [this](const Result<LabelMap>&) {
      begun_.set_value();
      let_go_.get_future().wait();
    }));
    begun_.get_future().wait();
  }
  void release() { let_go_.set_value(); }

 private:
  std::promise<void> begun_, let_go_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(images_of_streams_are_labelled_as_a_labeler_does) {
  const Disk disk;
  LabelQueue queue = open_queue(disk, {.streams = 3, .places = 4, .details = {.confidence = true}});
  const std::vector<std::uint8_t> rgb = picture(20, 31);
  std::vector<LabelMap> maps;  // by the queue's thread alone
  for (int i = 0; i < 6; ++i) {
    take(queue.offer(i % 3, {rgb.data(), 20, 31}, [&](const Result<LabelMap>& map) {
      if (map.ok()) maps.push_back(*map);
    }));
  }
  queue.wait();
  BOOST_TEST_REQUIRE(maps.size() == 6u);
  const LabelMap expected = take(queue.labeler().label({rgb.data(), 20, 31}));
  for (const LabelMap& map : maps) BOOST_TEST((map.ids == expected.ids && map.confidence.size() == 620u));
  BOOST_TEST((queue.counts().offered == 6 && queue.counts().labelled == 6 && queue.counts().dropped == 0));
}

BOOST_AUTO_TEST_CASE(the_oldest_of_a_full_stream_gives_way_and_streams_take_turns) {
  const Disk disk;
  LabelQueue queue = open_queue(disk, {.streams = 2, .places = 2});
  const std::vector<std::uint8_t> rgb = picture(9, 9);
  const ImageView image{rgb.data(), 9, 9};
  Held held(queue, image);
  std::vector<int> labelled, dropped;
  const auto offer = [&](int stream, int number) {
    take(queue.offer(stream, image, [&, number](const Result<LabelMap>& map) {
      if (!map.ok()) BOOST_TEST((map.status().code() == ErrorCode::interrupted));
      (map.ok() ? labelled : dropped).push_back(number);
    }));
  };
  for (const int number : {1, 2, 3, 4}) offer(0, number);
  for (const int number : {11, 12}) offer(1, number);
  BOOST_TEST(dropped == (std::vector<int>{1, 2}), boost::test_tools::per_element());
  held.release();
  queue.wait();
  BOOST_TEST(labelled == (std::vector<int>{11, 3, 12, 4}), boost::test_tools::per_element());
  BOOST_TEST((queue.counts().labelled == 5 && queue.counts().dropped == 2));
}

BOOST_AUTO_TEST_CASE(an_image_that_cannot_be_labelled_is_no_end_of_the_queue) {
  const Disk disk;
  LabelQueue queue = open_queue(disk, {});
  const std::vector<std::uint8_t> rgb = picture(9, 9);
  const auto nothing = [](const Result<LabelMap>&) {};
  fails(queue.offer(1, {rgb.data(), 9, 9}, nothing), ErrorCode::invalid_argument, "no stream 1");
  fails(queue.offer(0, {nullptr, 9, 9}, nothing), ErrorCode::invalid_argument, "no data");
  fails(queue.offer(0, {rgb.data(), 9, 9}, nullptr), ErrorCode::invalid_argument, "nobody");
  std::atomic<bool> heard = false;
  take(queue.offer(0, {rgb.data(), 9, 9}, [&](const Result<LabelMap>& map) { heard = map.ok(); }));
  queue.wait();
  BOOST_TEST(heard);
  LabelerOptions labeling{.model = disk.path("model.grun")};
  labeling.device = "cpu";
  fails(LabelQueue::open(take(Labeler::open(labeling)), {.streams = 0}), ErrorCode::invalid_argument,
        "streams and places");
}
