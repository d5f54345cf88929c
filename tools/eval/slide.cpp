#include "tools/eval/slide.h"

#include <chrono>
#include <new>

#include "runtime/cpu/parallel.h"
#include "runtime/session/session.h"
#include "tools/eval/probabilities.h"
#include "tools/eval/resample.h"
#include "tools/eval/slide_grid.h"

namespace graphrun {
namespace {

// Memory that only grows.
class Plane {
 public:
  Status reserve(std::int64_t pixels, std::int64_t channels) {
    if (pixels > kMaxPixels) {
      return {ErrorCode::invalid_argument, "a view of " + std::to_string(pixels) + " pixels is more than " +
                                               std::to_string(kMaxPixels) +
                                               "; lower base_size or the scales"};
    }
    const std::int64_t count = pixels * channels;
    if (count <= size_) return {};
    data_.reset();
    size_ = 0;
    data_.reset(new (std::nothrow) float[static_cast<std::size_t>(count)]);
    if (!data_) {
      return {ErrorCode::out_of_memory,
              "no memory for " + std::to_string(count * 4) + " bytes of probabilities"};
    }
    size_ = count;
    return {};
  }
  float* data() { return data_.get(); }

 private:
  std::unique_ptr<float[]> data_;
  std::int64_t size_ = 0;
};

class Slide final : public Protocol {
 public:
  Slide(const ProtocolSettings& settings, Preprocess preprocess, int threads,
        std::unique_ptr<Session> session)
      : settings_(settings),
        preprocess_(std::move(preprocess)),
        threads_(threads),
        session_(std::move(session)) {}

  std::int64_t classes() const override { return session_->output().desc.c(); }
  double network_seconds() const override { return network_seconds_; }

  Result<LabelMap> label(const Image& image) override {
    const std::size_t scales = settings_.scales.size();
    if (scales > 1) GRAPHRUN_TRY(total_.reserve(image.height * image.width, classes()));
    LabelMap map{image.height, image.width, {}};
    map.ids.resize(static_cast<std::size_t>(image.height * image.width));
    for (std::size_t i = 0; i < scales; ++i) {
      const Extent size =
          scaled_extent({image.height, image.width}, settings_.scales[i], settings_.base_size);
      const SlideAxis rows = slide_axis(size.height, settings_.test_h);
      const SlideAxis columns = slide_axis(size.width, settings_.test_w);
      GRAPHRUN_TRY(view_.reserve(size.height * size.width, 3));
      GRAPHRUN_TRY(sums_.reserve(size.height * size.width, classes()));
      resize_normalised(image, preprocess_, size, threads_, view_.data());
      GRAPHRUN_TRY(run_crops(rows, columns));
      LinearTaps down = linear_taps(size.height, image.height);
      LinearTaps across = linear_taps(size.width, image.width);
      down.divide_by(rows.coverage());
      across.divide_by(columns.coverage());
      const ResizeBack resize{sums_.data(), down, across, size.width, classes(), threads_};
      if (i + 1 < scales) {
        resize_to_total(resize, i == 0, total_.data());
      } else {
        resize_to_classes(resize, scales > 1 ? total_.data() : nullptr, map.ids.data());
      }
    }
    return map;
  }

 private:
  Status run_crops(const SlideAxis& rows, const SlideAxis& columns) {
    using Clock = std::chrono::steady_clock;
    for (std::size_t row = 0; row < rows.starts.size(); ++row) {
      for (std::size_t column = 0; column < columns.starts.size(); ++column) {
        const CropPlace place{rows, columns, row, column};
        fill_input(place);
        const auto start = Clock::now();
        GRAPHRUN_TRY(session_->run());
        network_seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
        add_crop(session_->output(), place, threads_, sums_.data());
      }
    }
    return {};
  }

  // The crop, and its mirror image as sample 1. What lies outside the image is the mean colour, normalised:
  // 0.
  void fill_input(const CropPlace& place) {
    constexpr std::int64_t kRows = 16;
    const TensorView input = session_->input();
    const std::int64_t height = place.rows.crop;
    cpu::parallel_for(threads_, input.desc.n() * height, kRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) fill_row(place, i % height, i >= height, i, input);
    });
  }

  void fill_row(const CropPlace& place, std::int64_t y, bool mirrored, std::int64_t input_row,
                const TensorView& input) {
    const std::int64_t width = place.columns.crop;
    const std::int64_t from = place.rows.starts[place.row] + y;
    const std::int64_t left = place.columns.starts[place.column];
    const bool inside_row = from >= 0 && from < place.rows.extent;
    const float* row = view_.data() + (inside_row ? 3 * from * place.columns.extent : 0);
    float* out = input.as<float>() + input_row * width * input.desc.pixel_stride;
    for (std::int64_t i = 0; i < width; ++i, out += input.desc.pixel_stride) {
      const std::int64_t x = left + (mirrored ? width - 1 - i : i);
      const bool inside = inside_row && x >= 0 && x < place.columns.extent;
      for (std::int64_t c = 0; c < 3; ++c) out[c] = inside ? row[3 * x + c] : 0.0f;
    }
  }

  ProtocolSettings settings_;
  Preprocess preprocess_;
  int threads_;
  std::unique_ptr<Session> session_;
  Plane view_;   // the image at one scale, normalised
  Plane sums_;   // of probabilities over its crops
  Plane total_;  // of probabilities over scales, at the image's size
  double network_seconds_ = 0;
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_slide(const ProtocolSettings& settings,
                                             std::shared_ptr<const Program> program,
                                             std::shared_ptr<Weights> weights) {
  const int threads = weights->backend()->threads();
  GRAPHRUN_ASSIGN(std::unique_ptr<Session> session,
                  Session::create(program, std::move(weights),
                                  {settings.flip ? 2 : 1, settings.test_h, settings.test_w}));
  if (session->output().data == nullptr)
    return {ErrorCode::invalid_argument, "the method \"eval\" has no output \"logits\""};
  const std::int64_t classes = session->output().desc.c();
  if (classes > kMaxClasses) {
    return {ErrorCode::unsupported, "label maps hold " + std::to_string(kMaxClasses) +
                                        " classes, the network has " + std::to_string(classes)};
  }
  return std::unique_ptr<Protocol>(
      std::make_unique<Slide>(settings, program->model().preprocess, threads, std::move(session)));
}

}  // namespace graphrun
