#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "graphrun/c_api.h"
#include "graphrun/compile.h"
#include "graphrun/graphrun.h"
#include "graphrun/tiled.h"
#include "tests/api/failing_new.h"
#include "tests/datasets/scratch.h"

// Every allocation of every call, failed in turn: the call returns a Status, and nothing is lost or left half
// made. Under AddressSanitizer the program's end tells what was not given back. What happens inside parallel
// regions is told in doc/libraries.md.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr const char* kGraph = R"({
  "parameters": {"classes": {"default": 3, "min": 1}},
  "inputs": {"image": {"shape": ["N", 3, "H", "W"]}},
  "preprocess": {"value_scale": 255, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
  "graph": [
    {"op": "conv2d", "as": "conv", "out_channels": 4, "kernel": 3, "stride": 2, "padding": 1},
    {"op": "batch_norm", "as": "bn", "activation": "relu"},
    {"op": "conv2d", "as": "score", "out_channels": "classes", "kernel": 1, "bias": true},
    {"op": "resize", "like": "image", "out": "logits"}
  ],
  "outputs": {"logits": "logits"},
  "train": {"settings": {"test_h": 9, "test_w": 9, "base_size": 0, "scales": [1.0]}}
})";
constexpr std::int64_t kSide = 9;

template <class T>
T take(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.status().message()));
  return *std::move(result);
}

class Files {
 public:
  Files() {
    std::ofstream(path("net.json")) << kGraph;
    const Compilation compiled = take(compile(path("net.json")));
    BOOST_TEST_REQUIRE(compiled.model.has_value());
    BOOST_TEST_REQUIRE(compiled.model->write(path("net.fb")).ok());
    const Program program = take(Program::load(path("net.fb")));
    const Weights weights = take(Weights::random(program, take(Device::open("cpu")), 7));
    BOOST_TEST_REQUIRE(weights.save(path("net.safetensors")).ok());
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  Scratch folder_;
};

const std::vector<std::uint8_t>& picture() {
  static const std::vector<std::uint8_t> rgb(3 * kSide * kSide, 100);
  return rgb;
}

// Calls until no allocation fails any more. `call` returns a Status.
template <class Call>
void fail_each(const char* what, const Call& call) {
  BOOST_TEST_REQUIRE(call().ok(), what);  // what is made once in a process is made
  for (const bool all_later : {false, true}) {
    std::int64_t number = 0;
    for (bool failed = true; failed; ++number) {
      Status status;
      {
        const FailingNew failing(number, all_later);
        status = call();
        failed = failing.has_failed();
      }
      // What fails may be done without: a thread that could not be started, a hint that could not be kept.
      const bool as_told = status.ok() || (failed && status.code() == ErrorCode::out_of_memory);
      BOOST_REQUIRE_MESSAGE(as_told, what << ", allocation " << number << ": " << status.message());
    }
    BOOST_TEST_MESSAGE(what << ": " << number - 1 << " allocations failed");
    BOOST_TEST(number > 1, what << " allocates nothing");
  }
}

LabelerOptions labeler_options(const Files& files) {
  LabelerOptions options{.model = files.path("net.fb"), .weights = files.path("net.safetensors")};
  options.device = "cpu";
  options.threads = 1;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(compiling_survives_each_failed_allocation) {
  const Files files;
  const std::string path = files.path("net.json");
  fail_each("compile", [&]() -> Status {
    GRAPHRUN_ASSIGN(const Compilation compiled, compile(path));
    return compiled.model ? Status() : Status(ErrorCode::internal, "not compiled");
  });
  const Compilation compiled = take(compile(path));
  const std::string written = files.path("written.fb");
  fail_each("write", [&] { return compiled.model->write(written); });
}

BOOST_AUTO_TEST_CASE(loading_and_running_survive_each_failed_allocation) {
  const Files files;
  const std::string model = files.path("net.fb"), tensors = files.path("net.safetensors");
  fail_each("Device::open", [] { return status_of(Device::open("cpu", {.threads = 1})); });
  const Device device = take(Device::open("cpu", {.threads = 1}));
  fail_each("Program::load", [&] { return status_of(Program::load(model)); });
  const Program program = take(Program::load(model));
  fail_each("Weights::load", [&] { return status_of(Weights::load(program, device, tensors)); });
  fail_each("Weights::random", [&] { return status_of(Weights::random(program, device, 1)); });
  const Weights weights = take(Weights::load(program, device, tensors));
  const SessionOptions options{.height = kSide, .width = kSide};
  fail_each("Session::create of new weights", [&]() -> Status {
    GRAPHRUN_ASSIGN(const Weights fresh, Weights::load(program, device, tensors));
    return status_of(Session::create(program, fresh, options));
  });
  fail_each("Session::create", [&] { return status_of(Session::create(program, weights, options)); });
  Session session = take(Session::create(program, weights, options));
  std::vector<float> logits(3 * kSide * kSide);
  fail_each("a run", [&]() -> Status {
    GRAPHRUN_TRY(session.set_image({picture().data(), kSide, kSide}));
    GRAPHRUN_TRY(session.run());
    GRAPHRUN_TRY(session.get_output("logits", logits));
    return status_of(session.label_map());
  });
}

BOOST_AUTO_TEST_CASE(labelling_survives_each_failed_allocation) {
  const Files files;
  const LabelerOptions options = labeler_options(files);
  fail_each("Labeler::open", [&] { return status_of(Labeler::open(options)); });
  fail_each("Labeler::open and label", [&]() -> Status {
    GRAPHRUN_ASSIGN(Labeler labeler, Labeler::open(options));
    return status_of(labeler.label({picture().data(), kSide, kSide}));
  });
  Labeler labeler = take(Labeler::open(options));
  const LabelMap before = take(labeler.label({picture().data(), kSide, kSide}));
  fail_each("label", [&] { return status_of(labeler.label({picture().data(), kSide, kSide})); });
  BOOST_TEST(take(labeler.label({picture().data(), kSide, kSide})).ids == before.ids);
}

// Crops at two scales and mirrored, by two threads, from one file; and packing it again.
BOOST_AUTO_TEST_CASE(a_bundle_survives_each_failed_allocation) {
  const Files files;
  const std::string bundle = files.path("net.grun");
  LabelerOptions options = labeler_options(files);
  options.protocol = "slide";
  options.crop = ImageSize{kSide, kSide};
  options.scales = {{0.5, 1.0}};
  options.flip = true;
  options.threads = 2;
  BOOST_TEST_REQUIRE(take(Labeler::open(options)).pack(bundle).ok());
  const LabelerOptions packed{.model = bundle, .device = "cpu", .threads = 2, .probabilities = true};
  fail_each("Labeler::open of a bundle", [&] { return status_of(Labeler::open(packed)); });
  Labeler labeler = take(Labeler::open(packed));
  const std::vector<std::uint8_t> rgb(3 * 2 * kSide * kSide, 100);
  const ImageView image{rgb.data(), kSide, 2 * kSide};
  const LabelMap before = take(labeler.label(image));
  fail_each("label by crops", [&] { return status_of(labeler.label(image)); });
  BOOST_TEST(take(labeler.label(image)).ids == before.ids);
  const std::string again = files.path("again.grun");
  fail_each("Labeler::pack", [&] { return labeler.pack(again); });
}

BOOST_AUTO_TEST_CASE(an_image_in_windows_survives_each_failed_allocation) {
  const Files files;
  LabelerOptions options = labeler_options(files);
  options.crop = ImageSize{kSide, kSide};
  Labeler labeler = take(Labeler::open(options));
  fail_each("label_tiled", [&] {
    TiledImage image{.height = 3 * kSide, .width = 2 * kSide, .read = {}};
    image.read = [](std::int64_t rows, void* to) -> Status {
      std::fill_n(static_cast<std::uint8_t*>(to), rows * 2 * kSide * 3, std::uint8_t{100});
      return {};
    };
    return labeler.label_tiled(image, [](const LabelWindow&) { return Status(); });
  });
}

BOOST_AUTO_TEST_CASE(the_c_interface_survives_each_failed_allocation) {
  const Files files;
  const std::string model = files.path("net.fb"), tensors = files.path("net.safetensors");
  std::vector<std::uint8_t> classes(kSide * kSide);
  fail_each("gr_open and gr_label_rgb8", [&]() -> Status {
    gr_labeler* labeler = nullptr;
    int code = gr_open(model.c_str(), tensors.c_str(), "cpu", &labeler);
    if (code == GR_OK) code = gr_label_rgb8(labeler, picture().data(), kSide, kSide, classes.data(), nullptr);
    gr_close(labeler);
    if (code == GR_OK) return {};
    return code == GR_OUT_OF_MEMORY ? Status::no_memory() : Status(ErrorCode::internal, gr_last_error());
  });
}

BOOST_AUTO_TEST_CASE(a_status_without_memory_says_so) {
  const Status error(ErrorCode::io, "a message that is longer than what a string holds inside itself");
  Status copy, in_place, none;
  {
    const FailingNew failing(0, true);
    copy = error;
    in_place = Status(error).with_context("somewhere");
    none = Status::no_memory();
  }
  BOOST_TEST(copy.message() == error.message());
  BOOST_TEST((in_place.code() == ErrorCode::io));
  BOOST_TEST((none.code() == ErrorCode::out_of_memory));
  BOOST_TEST(none.message() == "out of memory");
}
