#include <cstdio>
#include <cstdlib>

#include "runtime/imaging/float_image.h"
#include "runtime/imaging/label_accumulator.h"
#include "runtime/plugin/gpu_module.h"
#include "tests/labelling/tiny_net.h"

// Evaluation on a GPU against that on the host.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Gpu {
  static std::shared_ptr<model::Backend>& backend() {
    static std::shared_ptr<model::Backend> opened;
    return opened;
  }
  Gpu() {
    const Status opened = open();
    if (opened.ok()) return;
    std::printf("skipped: %s\n", opened.message().c_str());
    std::exit(77);
  }
  static Status open() {
    GRAPHRUN_ASSIGN(const plugin::GpuModule* const module, plugin::gpu_module());
    GRAPHRUN_ASSIGN(backend(), module->make_backend({}));
    return {};
  }
  ~Gpu() { backend().reset(); }
};
BOOST_TEST_GLOBAL_FIXTURE(Gpu);

std::vector<float> random_floats(std::int64_t count, float least, float most, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(least, most);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

// Floats on a device.
class Floats {
 public:
  Floats(const std::shared_ptr<model::Backend>& backend, const std::vector<float>& values)
      : backend_(backend), count_(values.size()), buffer_(take(backend->allocate(bytes()))) {
    require_ok(backend->copy_to_device(buffer_->data(), values.data(), bytes()));
    require_ok(backend->synchronize());
  }
  float* data() { return static_cast<float*>(buffer_->data()); }
  std::vector<float> values() {
    std::vector<float> values(count_);
    require_ok(backend_->copy_to_host(values.data(), buffer_->data(), bytes()));
    return values;
  }

 private:
  std::int64_t bytes() const { return static_cast<std::int64_t>(count_ * sizeof(float)); }
  std::shared_ptr<model::Backend> backend_;
  std::size_t count_;
  std::unique_ptr<model::Buffer> buffer_;
};

// What one device makes of an image: planes one after the other, and the label map.
struct Made {
  std::vector<std::vector<float>> accumulator;
  imaging::LabelMap map;
};

struct Arithmetic {
  std::int64_t classes = 11;
  bool flip = true;
  imaging::Extent image;
  model::Preprocess preprocess{255, {0.5, 0.25, 0.75}, {0.25, 0.5, 0.125}};

  std::int64_t samples() const { return flip ? 2 : 1; }
  std::unique_ptr<imaging::LabelAccumulator> accumulator(
      const std::shared_ptr<model::Backend>& backend) const {
    return take(imaging::make_label_accumulator(backend, {classes, flip, preprocess}));
  }
  // With a gap between pixels.
  TensorDesc logits(const imaging::Extent& size) const {
    TensorDesc desc = TensorDesc::nhwc(DType::f32, {samples() + 1, classes, size.height, size.width});
    desc.pixel_stride = classes + 3;
    return desc;
  }
  std::vector<float> random_logits(const TensorDesc& desc, std::uint32_t seed) const {
    return random_floats(desc.pixels() * desc.pixel_stride, -8, 8, seed);
  }
};

void check_same(const Arithmetic& test, const Made& host, const Made& gpu) {
  BOOST_REQUIRE_EQUAL(host.accumulator.size(), gpu.accumulator.size());
  for (std::size_t i = 0; i < host.accumulator.size(); ++i) {
    float worst = 0;
    for (std::size_t k = 0; k < host.accumulator[i].size(); ++k)
      worst = std::max(worst, std::abs(host.accumulator[i][k] - gpu.accumulator[i][k]));
    BOOST_TEST(worst < 1e-5f, "plane " << i << ", " << test.classes << " classes: " << worst);
  }
  BOOST_REQUIRE_EQUAL(host.map.ids.size(), gpu.map.ids.size());
  BOOST_TEST(different(host.map, gpu.map) * 1000 <= host.map.ids.size());
  BOOST_TEST_REQUIRE(host.map.probabilities.size() == gpu.map.probabilities.size());
  for (std::size_t i = 0; i < host.map.probabilities.size(); ++i)
    BOOST_REQUIRE_SMALL(host.map.probabilities[i] - gpu.map.probabilities[i], 1e-4f);
  for (std::size_t i = 0; i < host.map.confidence.size(); ++i)
    BOOST_REQUIRE_SMALL(host.map.confidence[i] - gpu.map.confidence[i], 1e-4f);
  BOOST_TEST((host.map.height == gpu.map.height && host.map.width == gpu.map.width));
}

// A view of the image, the windows of a slide over it, crops of random logits, and the way back.
Made slide_on(const Arithmetic& test, const std::shared_ptr<model::Backend>& backend,
              const imaging::Extent& view, const imaging::Extent& crop, const imaging::Extent& logits_size) {
  const auto accumulator = test.accumulator(backend);
  const imaging::Image image = random_image(test.image.height, test.image.width);
  require_ok(accumulator->begin(image, {true, true}));
  Made made;
  Floats pixels(backend, std::vector<float>(static_cast<std::size_t>(view.height * view.width * 3), 7.0f));
  require_ok(accumulator->resize_normalised(view, pixels.data()));
  made.accumulator.push_back(pixels.values());

  const imaging::SlideAxis rows = imaging::slide_axis(view.height, crop.height);
  const imaging::SlideAxis columns = imaging::slide_axis(view.width, crop.width);
  TensorDesc input = TensorDesc::nhwc(DType::f32, {test.samples() + 1, 3, crop.height, crop.width});
  input.pixel_stride = 4;
  Floats sums(backend,
              std::vector<float>(static_cast<std::size_t>(view.height * view.width * test.classes), 7.0f));
  std::uint32_t seed = 0;
  for (std::size_t row = 0; row < rows.starts.size(); ++row) {
    for (std::size_t column = 0; column < columns.starts.size(); ++column) {
      Floats windows(backend,
                     std::vector<float>(static_cast<std::size_t>(input.pixels() * input.pixel_stride), 7.0f));
      const std::int64_t left = columns.starts[column];
      require_ok(accumulator->copy_window({pixels.data(), view, rows.starts[row], left, left + columns.crop},
                                          {input, windows.data()}, 1));
      made.accumulator.push_back(windows.values());
      const TensorDesc desc = test.logits(logits_size);
      Floats logits(backend, test.random_logits(desc, ++seed));
      const TensorView of_crop{desc, logits.data()};
      require_ok(accumulator->add_crop({of_crop}, 1, {rows, columns, row, column}, sums.data()));
      require_ok(backend->synchronize());
    }
  }
  made.accumulator.push_back(sums.values());

  Floats total(backend,
               std::vector<float>(static_cast<std::size_t>(image.height * image.width * test.classes), 7.0f));
  const imaging::CropSums back{sums.data(), rows, columns};
  require_ok(accumulator->resize_to_total(back, true, total.data()));
  made.accumulator.push_back(total.values());
  require_ok(accumulator->resize_to_total(back, false, total.data()));
  made.accumulator.push_back(total.values());
  require_ok(accumulator->resize_to_classes(back, seed % 2 == 0 ? nullptr : total.data()));
  made.map = take(accumulator->finish());
  return made;
}

void check_slide(const Arithmetic& test, const imaging::Extent& view, const imaging::Extent& crop,
                 const imaging::Extent& logits) {
  const auto host = take(ops::make_cpu_backend());
  check_same(test, slide_on(test, host, view, crop, logits),
             slide_on(test, Gpu::backend(), view, crop, logits));
}

// `sums`: over two views before the last one.
Made whole_on(const Arithmetic& test, const std::shared_ptr<model::Backend>& backend,
              const imaging::WholeLogits& sizes, bool sums) {
  const auto accumulator = test.accumulator(backend);
  const imaging::Image image = random_image(test.image.height, test.image.width);
  require_ok(accumulator->begin(image, {true, true}));
  Made made;
  Floats logits(backend, test.random_logits(sizes.logits.values.desc, 5));
  const TensorView of_device{sizes.logits.values.desc, logits.data()};
  const imaging::WholeLogits view{{of_device}, sizes.input, sizes.view};
  Floats total(backend,
               std::vector<float>(static_cast<std::size_t>(image.height * image.width * test.classes), 7.0f));
  if (sums) {
    require_ok(accumulator->view_to_total(view, true, total.data()));
    made.accumulator.push_back(total.values());
    require_ok(accumulator->view_to_total(view, false, total.data()));
    made.accumulator.push_back(total.values());
  }
  require_ok(accumulator->view_to_classes(view, sums ? total.data() : nullptr));
  made.map = take(accumulator->finish());
  return made;
}

void check_whole(const Arithmetic& test, const imaging::Extent& logits, const imaging::Extent& input,
                 const imaging::Extent& view) {
  const TensorView shape{test.logits(logits), nullptr};
  const imaging::WholeLogits sizes{{shape}, input, view};
  for (const bool sums : {false, true}) {
    check_same(test, whole_on(test, take(ops::make_cpu_backend()), sizes, sums),
               whole_on(test, Gpu::backend(), sizes, sums));
  }
}

// The weights of `net` on the GPU.
std::shared_ptr<weights::Weights> on_gpu(const Net& net) {
  const std::shared_ptr<model::Backend>& backend = Gpu::backend();
  std::shared_ptr<weights::Weights> weights = take(weights::Weights::initialise(*net.program, 1, backend));
  for (std::size_t i = 0; i < net.program->model().variables.size(); ++i) {
    const TensorView& from = net.weights->variable(i);
    if (from.data == nullptr) continue;
    require_ok(backend->copy_to_device(weights->variable(i).data, from.data, from.desc.bytes()));
  }
  require_ok(backend->synchronize());
  weights->touch();
  return weights;
}

void check_protocol(const Net& net, const std::shared_ptr<weights::Weights>& weights,
                    const labelling::ProtocolSettings& settings) {
  const auto on_host = net.protocol(settings);
  const auto device = take(labelling::make_protocol(settings, net.program, weights));
  for (const imaging::Extent& size :
       {imaging::Extent{70, 94}, imaging::Extent{94, 70}, imaging::Extent{30, 41}, imaging::Extent{70, 94}}) {
    const imaging::Image image = random_image(size.height, size.width);
    const imaging::LabelMap expected = take(on_host->label(image));
    BOOST_TEST(has_classes(expected));
    const std::size_t wrong = different(expected, take(device->label(image)));
    BOOST_TEST(wrong * 1000 <= expected.ids.size(), settings.name << ", " << settings.scales.size()
                                                                  << " scales, " << size.width << " x "
                                                                  << size.height << ": " << wrong);
  }
  BOOST_TEST(device->seconds().network > 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(slide_arithmetic_is_that_of_the_host) {
  check_slide({.classes = 11, .image = {36, 48}}, {45, 60}, {17, 25}, {17, 25});
  check_slide({.classes = 150, .image = {37, 53}}, {63, 84}, {33, 41}, {5, 6});
  check_slide({.classes = 150, .flip = false, .image = {37, 53}}, {19, 27}, {33, 41}, {5, 6});
  check_slide({.classes = 1, .image = {9, 7}}, {50, 31}, {20, 20}, {3, 3});
  check_slide({.classes = 255, .image = {20, 21}}, {20, 21}, {16, 81}, {16, 81});
  check_slide({.classes = 60, .flip = false, .image = {20, 131}}, {21, 140}, {12, 100}, {2, 13});
}

BOOST_AUTO_TEST_CASE(whole_arithmetic_is_that_of_the_host) {
  check_whole({.classes = 11, .image = {36, 48}}, {5, 7}, {41, 57}, {37, 52});
  check_whole({.classes = 19, .flip = false, .image = {36, 248}}, {5, 32}, {41, 257}, {37, 250});
  check_whole({.classes = 150, .image = {20, 30}}, {41, 57}, {41, 57}, {37, 52});
  check_whole({.classes = 90, .flip = false, .image = {90, 71}}, {4, 3}, {25, 17}, {25, 17});
  check_whole({.classes = 255, .image = {5, 130}}, {1, 1}, {1, 1}, {1, 1});
}

BOOST_AUTO_TEST_CASE(label_maps_are_those_of_the_host) {
  const Net net;
  const std::shared_ptr<weights::Weights> weights = on_gpu(net);
  for (const bool low_res_logits : {true, false}) {
    check_protocol(net, weights,
                   {.scales = {0.75, 1.0}, .test_h = 33, .test_w = 41, .low_res_logits = low_res_logits});
    check_protocol(net, weights, {.name = "whole", .scales = {0.5, 1.0}, .low_res_logits = low_res_logits});
  }
  check_protocol(net, weights, {.flip = false, .base_size = 120, .test_h = 41, .test_w = 33, .batch = 3});
  check_protocol(net, weights, {.name = "whole", .flip = false});
}

BOOST_AUTO_TEST_CASE(a_plan_has_a_batch_that_fits) {
  const Net net;
  const std::vector<imaging::Extent> sizes{{30, 60}, {60, 30}, {44, 44}};
  const auto protocol = take(
      labelling::make_protocol({.scales = {1.0, 1.5}, .test_h = 33, .test_w = 33}, net.program, on_gpu(net)));
  const labelling::EvaluationMemory memory = take(protocol->plan(sizes));
  BOOST_TEST((memory.activations > 0 && memory.probabilities > 0));
  require_ok(protocol->reserve(memory, memory.activations));
  for (const imaging::Extent& size : sizes) take(protocol->label(random_image(size.height, size.width)));
}
