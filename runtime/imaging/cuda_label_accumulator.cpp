#include "runtime/imaging/cuda_label_accumulator.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/cuda/check.h"
#include "runtime/imaging/cuda_jobs.h"
#include "runtime/imaging/cuda_resize_table.h"

namespace graphrun::imaging {
namespace {

using gpu::ColumnTaps;
using gpu::Staged;

// Columns of a row that a block of softmax() takes: as many as their logits leave room for in the shared
// memory that every launch may have.
Status choose_tile(const ColumnTaps& columns, bool flip, gpu::SoftmaxJob& job) {
  constexpr std::int64_t kSharedBytes = 48 << 10;
  const std::int64_t column_bytes = (flip ? 2 : 1) * job.classes * std::int64_t{sizeof(float)};
  for (std::size_t i = columns.spans.size(); i-- > 0;) {
    if (columns.spans[i] * column_bytes > kSharedBytes) continue;
    job.tile = std::int32_t{1} << i;
    job.span = columns.spans[i];
    return {};
  }
  return {ErrorCode::unsupported, "a pixel that is a sum over " + std::to_string(columns.spans[0]) +
                                      " columns of logits is more than a block on the GPU holds"};
}

class CudaLabelAccumulator final : public LabelAccumulator {
 public:
  CudaLabelAccumulator(const std::shared_ptr<model::Backend>& backend, const Settings& settings)
      : backend_(backend),
        device_(static_cast<cuda::Device&>(*backend->context())),
        settings_(settings),
        tables_(device_) {}
  ~CudaLabelAccumulator() override {
    const auto lock = device_.lock();
    cudaStreamSynchronize(device_.stream());  // pinned memory may be in use where an image had an error
  }

  Status begin(const ImageView& image, const LabelDetails& wanted) override {
    const auto lock = device_.lock();
    // Pinned memory of an image that had an error may be in use. Else there is nothing to wait for.
    GRAPHRUN_TRY(cuda::check(cudaStreamSynchronize(device_.stream()), "cudaStreamSynchronize"));
    tables_.begin_image();
    if (image.channels > gpu::kMaxImageChannels) {
      return {ErrorCode::unsupported,
              "an image of " + std::to_string(image.channels) + " channels cannot be labelled on a GPU"};
    }
    size_ = {image.height, image.width};
    wanted_ = wanted;
    bytes_ = image.dtype == DType::u8;
    channels_ = static_cast<std::int32_t>(image.channels);
    const std::int64_t bytes = image.height * image.row_bytes();
    GRAPHRUN_TRY(grow(image_, bytes));
    GRAPHRUN_TRY(grow(ids_, id_bytes()));
    if (wanted.confidence) GRAPHRUN_TRY(grow(confidence_, float_bytes(1)));
    if (wanted.probabilities) GRAPHRUN_TRY(grow(probabilities_, float_bytes(settings_.classes)));
    for (std::int64_t y = 0; y < image.height; ++y) {
      std::memcpy(image_.host() + y * image.row_bytes(),
                  static_cast<const std::byte*>(image.data) + y * image.pitch(),
                  static_cast<std::size_t>(image.row_bytes()));
    }
    return cuda::check(cudaMemcpyAsync(image_.device(), image_.host(), static_cast<std::size_t>(bytes),
                                       cudaMemcpyHostToDevice, device_.stream()),
                       "cudaMemcpyAsync of an image");
  }

  Result<LabelMap> finish() override {
    GRAPHRUN_TRY(device_.copy_to_host(ids_.host(), ids_.device(), id_bytes()));
    const auto* const ids = reinterpret_cast<const ClassId*>(ids_.host());
    LabelMap map{size_.height, size_.width, {ids, ids + pixels()}};
    if (wanted_.confidence) GRAPHRUN_TRY(fetch(confidence_, 1, map.confidence));
    if (wanted_.probabilities) GRAPHRUN_TRY(fetch(probabilities_, settings_.classes, map.probabilities));
    return map;
  }

  Status resize_normalised(const Extent& size, float* view) override {
    const auto lock = device_.lock();
    gpu::ResizeJob job;
    job.image = image_.device();
    job.bytes = bytes_;
    job.channels = channels_;
    job.image_width = size_.width;
    GRAPHRUN_ASSIGN(job.rows, tables_.linear(size_.height, size.height));
    GRAPHRUN_ASSIGN(job.columns, tables_.linear(size_.width, size.width));
    job.height = static_cast<std::int32_t>(size.height);
    job.width = static_cast<std::int32_t>(size.width);
    const model::Preprocess& preprocess = settings_.preprocess;
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
      job.mean[c] = static_cast<float>(preprocess.mean[c] * preprocess.value_scale);
      job.deviation[c] = static_cast<float>(preprocess.std[c] * preprocess.value_scale);
    }
    job.view = view;
    return gpu::resize_normalised(device_.stream(), job);
  }

  Status copy_window(const Window& window, const TensorView& input, std::int64_t sample) override {
    const auto lock = device_.lock();
    gpu::WindowJob job;
    job.view = window.view;
    job.view_height = window.size.height;
    job.view_width = window.size.width;
    job.top = window.top;
    job.left = window.left;
    job.right = window.right;
    job.samples = settings_.flip ? 2 : 1;
    job.channels = static_cast<std::int32_t>(input.desc.c());
    job.height = static_cast<std::int32_t>(input.desc.h());
    job.width = static_cast<std::int32_t>(input.desc.w());
    job.pixel_stride = input.desc.pixel_stride;
    job.input = input.as<float>() + sample * sample_stride(input.desc);
    return gpu::copy_window(device_.stream(), job);
  }

  Status add_crop(const LowLogits& logits, std::int64_t sample, const CropPlace& place,
                  float* sums) override {
    const auto lock = device_.lock();
    const auto& [values, rule] = logits;
    GRAPHRUN_ASSIGN(const ColumnTaps rows, tables_.interpolation(rule, values.desc.h(), place.rows.crop));
    GRAPHRUN_ASSIGN(const ColumnTaps columns,
                    tables_.interpolation(rule, values.desc.w(), place.columns.crop));
    GRAPHRUN_ASSIGN(gpu::SoftmaxJob job, softmax_job(values, sample, rows, columns));
    const std::int64_t top = place.rows.starts[place.row];
    const std::int64_t left = place.columns.starts[place.column];
    const auto in_crop = [](std::int64_t i, std::int64_t start, std::int64_t crop) {
      return static_cast<std::int32_t>(std::clamp<std::int64_t>(i - start, 0, crop));
    };
    job.first_row = in_crop(0, top, place.rows.crop);
    job.end_row = in_crop(place.rows.extent, top, place.rows.crop);
    job.first_column = in_crop(0, left, place.columns.crop);
    job.end_column = in_crop(place.columns.extent, left, place.columns.crop);
    job.new_row = in_crop(place.rows.end_before(place.row), top, place.rows.crop);
    job.new_column = in_crop(place.columns.end_before(place.column), left, place.columns.crop);
    job.out_width = place.columns.extent;
    job.sums = sums + ((top + job.first_row) * job.out_width + left + job.first_column) * job.classes;
    return gpu::softmax(device_.stream(), job);
  }

  Status view_to_total(const WholeLogits& view, bool first, float* total) override {
    const auto lock = device_.lock();
    GRAPHRUN_ASSIGN(gpu::SoftmaxJob job, whole_job(view));
    job.sums = total;
    job.new_row = first ? 0 : job.end_row;
    job.new_column = first ? 0 : job.end_column;
    return gpu::softmax(device_.stream(), job);
  }

  Status view_to_classes(const WholeLogits& view, const float* total) override {
    const auto lock = device_.lock();
    GRAPHRUN_ASSIGN(gpu::SoftmaxJob job, whole_job(view));
    job.total = total;
    job.ids = ids();
    job.shares = shares();
    return gpu::softmax(device_.stream(), job);
  }

  Status resize_to_total(const CropSums& sums, bool first, float* total) override {
    const auto lock = device_.lock();
    GRAPHRUN_ASSIGN(gpu::BackJob job, back_job(sums));
    job.before = first ? nullptr : total;
    job.total = total;
    return gpu::resize_back(device_.stream(), job);
  }

  Status resize_to_classes(const CropSums& sums, const float* total) override {
    const auto lock = device_.lock();
    GRAPHRUN_ASSIGN(gpu::BackJob job, back_job(sums));
    job.before = total;
    job.ids = ids();
    job.shares = shares();
    return gpu::resize_back(device_.stream(), job);
  }

 private:
  std::int64_t pixels() const { return size_.height * size_.width; }
  std::int64_t id_bytes() const { return pixels() * std::int64_t{sizeof(ClassId)}; }
  // Bytes of so many numbers a pixel.
  std::int64_t float_bytes(std::int64_t numbers) const {
    return pixels() * numbers * std::int64_t{sizeof(float)};
  }
  Status fetch(Staged& memory, std::int64_t numbers, std::vector<float>& values) {
    GRAPHRUN_TRY(device_.copy_to_host(memory.host(), memory.device(), float_bytes(numbers)));
    const auto* const begin = reinterpret_cast<const float*>(memory.host());
    values.assign(begin, begin + pixels() * numbers);
    return {};
  }
  gpu::Shares shares() const {
    const auto place = [](const Staged& memory) { return reinterpret_cast<float*>(memory.device()); };
    return {wanted_.confidence ? place(confidence_) : nullptr,
            wanted_.probabilities ? place(probabilities_) : nullptr, pixels(),
            static_cast<float>(1 / settings_.temperature)};
  }
  ClassId* ids() const { return reinterpret_cast<ClassId*>(ids_.device()); }

  Status grow(Staged& memory, std::int64_t bytes) {
    if (memory.bytes() >= bytes) return {};
    memory = Staged();
    GRAPHRUN_ASSIGN(memory, Staged::make(device_, bytes));
    return {};
  }

  static std::int64_t sample_stride(const TensorDesc& desc) {
    return desc.h() * desc.w() * desc.pixel_stride;
  }

  Result<gpu::SoftmaxJob> softmax_job(const TensorView& logits, std::int64_t sample, const ColumnTaps& rows,
                                      const ColumnTaps& columns) const {
    const TensorDesc& desc = logits.desc;
    gpu::SoftmaxJob job;
    job.logits = logits.as<const float>() + sample * sample_stride(desc);
    job.sample_stride = settings_.flip ? sample_stride(desc) : 0;
    job.row_stride = desc.w() * desc.pixel_stride;
    job.pixel_stride = desc.pixel_stride;
    job.classes = static_cast<std::int32_t>(settings_.classes);
    job.rows = rows.table;
    job.columns = columns.table;
    GRAPHRUN_TRY(choose_tile(columns, settings_.flip, job));
    return job;
  }

  Result<gpu::SoftmaxJob> whole_job(const WholeLogits& view) {
    const auto& [values, rule] = view.logits;
    GRAPHRUN_ASSIGN(const ColumnTaps rows, tables_.through_view(rule, values.desc.h(), view.input.height,
                                                                view.view.height, size_.height));
    GRAPHRUN_ASSIGN(const ColumnTaps columns, tables_.through_view(rule, values.desc.w(), view.input.width,
                                                                   view.view.width, size_.width));
    GRAPHRUN_ASSIGN(gpu::SoftmaxJob job, softmax_job(values, 0, rows, columns));
    job.end_row = static_cast<std::int32_t>(size_.height);
    job.end_column = static_cast<std::int32_t>(size_.width);
    job.out_width = size_.width;
    return job;
  }

  Result<gpu::BackJob> back_job(const CropSums& sums) {
    gpu::BackJob job;
    job.plane = sums.sums;
    job.plane_width = sums.columns.extent;
    GRAPHRUN_ASSIGN(job.rows, tables_.means(sums.rows, size_.height));
    GRAPHRUN_ASSIGN(job.columns, tables_.means(sums.columns, size_.width));
    job.height = static_cast<std::int32_t>(size_.height);
    job.width = static_cast<std::int32_t>(size_.width);
    job.classes = static_cast<std::int32_t>(settings_.classes);
    return job;
  }

  std::shared_ptr<model::Backend> backend_;
  cuda::Device& device_;
  Settings settings_;
  gpu::TapTables tables_;
  Extent size_;  // of the image in hand, as are these
  LabelDetails wanted_;
  bool bytes_ = true;
  std::int32_t channels_ = 3;
  Staged image_;
  Staged ids_;
  Staged confidence_;
  Staged probabilities_;
};

}  // namespace

std::unique_ptr<LabelAccumulator> make_cuda_label_accumulator(const std::shared_ptr<model::Backend>& backend,
                                                              const LabelAccumulator::Settings& settings) {
  return std::make_unique<CudaLabelAccumulator>(backend, settings);
}

Result<std::int64_t> free_gpu_bytes(const model::Backend& backend) {
  const auto lock = backend.lock();
  std::size_t free_bytes = 0, all = 0;
  GRAPHRUN_TRY(cuda::check(cudaMemGetInfo(&free_bytes, &all), "cudaMemGetInfo"));
  return static_cast<std::int64_t>(free_bytes);
}

}  // namespace graphrun::imaging
