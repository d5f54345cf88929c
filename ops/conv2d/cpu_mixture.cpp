#include <omp.h>

#include <algorithm>
#include <vector>

#include "ops/common/copy_pixels.h"
#include "ops/common/interpolation.h"
#include "ops/common/sampling_tables.h"
#include "ops/conv2d/cpu_blend.h"
#include "ops/conv2d/kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"
#include "runtime/numeric/sampling.h"

// conv2d_mixture: each map times its part of the weight by the library, at its own size and in f32; then row
// by row of the result, x's products and, interpolated, those of the levels.
namespace graphrun::ops::conv2d {
namespace {

struct Member {
  std::size_t input;
  TensorDesc desc;
  std::int64_t first_channel;       // in the weight
  numeric::Sampling rows, columns;  // from the level to x; of x empty
  cpu::Convolution product;
  cpu::Primitive reorder;      // of its part of the weight
  std::int64_t weight_at = 0;  // bytes in scratch
  std::int64_t sums_at = 0;    // f32 (pixels, O)
};

class Mixture final : public Kernel {
 public:
  Mixture(const KernelRequest& request, std::vector<Member> members)
      : members_(std::move(members)),
        y_(request.outputs[0]),
        row_floats_((y_.w() * y_.c() + 15) / 16 * 16),
        threads_(request.threads) {
    ScratchPlan scratch;
    std::int64_t library = 0, packed = 0, widest = 0;
    for (Member& member : members_) {
      library = std::max({library, member.product.primitive.scratch_bytes(), member.reorder.scratch_bytes()});
      const std::int64_t bytes =
          member.desc.shape.count() * static_cast<std::int64_t>(size_of(member.desc.dtype));
      if (!member.desc.contiguous()) packed = std::max(packed, bytes);
      if (member.input != kX) widest = std::max(widest, member.desc.w());
      member.weight_at = scratch.add(static_cast<std::int64_t>(member.product.weight.get_size()));
      if (!in_place(member)) member.sums_at = scratch.add(member.desc.pixels() * y_.c() * 4);
    }
    library_at_ = scratch.add(library);
    packed_at_ = scratch.add(packed);
    blended_floats_ = (widest * y_.c() + 15) / 16 * 16;
    work_at_ = scratch.add(threads_ * (blended_floats_ + row_floats_) * 4);
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return "mixture"; }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  Status run(const KernelRun& run) override {
    for (Member& member : members_) GRAPHRUN_TRY(multiply(member, run));
    cpu::parallel_for(threads_, y_.n() * y_.h(), 1, [&](std::int64_t begin, std::int64_t end) {
      float* const blended =
          scratch_at<float>(run.scratch, work_at_) + omp_get_thread_num() * (blended_floats_ + row_floats_);
      for (std::int64_t row = begin; row < end; ++row) mix_row(run, row, blended, blended + blended_floats_);
    });
    return {};
  }

 private:
  // The result is where x's products are summed.
  bool in_place(const Member& member) const {
    return member.input == kX && y_.dtype == DType::f32 && y_.contiguous();
  }
  float* sums_of(const Member& member, const KernelRun& run) const {
    return in_place(member) ? run.outputs[0].as<float>() : scratch_at<float>(run.scratch, member.sums_at);
  }
  Status multiply(Member& member, const KernelRun& run);
  void mix_row(const KernelRun& run, std::int64_t row, float* blended, float* line) const;
  void add_level(const Member& level, const float* sums, std::int64_t row, float* blended, float* line) const;

  std::vector<Member> members_;
  TensorDesc y_;
  std::int64_t row_floats_, blended_floats_ = 0;
  int threads_;
  std::int64_t library_at_ = 0, packed_at_ = 0, work_at_ = 0, scratch_bytes_ = 0;
};

Status Mixture::multiply(Member& member, const KernelRun& run) {
  void* const library = scratch_at(run.scratch, library_at_);
  void* const weight = scratch_at(run.scratch, member.weight_at);
  void* const part[] = {run.inputs[kWeight].as<float>() + member.first_channel, weight};
  GRAPHRUN_TRY(member.reorder.run(part, library));
  const TensorView& pixels = run.inputs[member.input];
  void* rows = pixels.data;
  if (!pixels.desc.contiguous()) {
    rows = scratch_at(run.scratch, packed_at_);
    copy_pixels(pixels.desc, pixels.data, pixels.desc.pixel_stride, rows, pixels.desc.c(), threads_);
  }
  void* const data[] = {rows, weight, sums_of(member, run)};
  return member.product.primitive.run(data, library);
}

void Mixture::add_level(const Member& level, const float* sums, std::int64_t row, float* blended,
                        float* line) const {
  const std::int64_t channels = y_.c(), length = level.desc.w() * channels;
  const numeric::InterpolationWeights& tap = level.rows.taps[static_cast<std::size_t>(row % y_.h())];
  const float* const image = sums + row / y_.h() * level.desc.h() * length;
  std::fill_n(blended, length, 0.0f);
  accumulate_two(tap.first_weight, image + tap.first * length, tap.second_weight, image + tap.second * length,
                 length, blended);
  for (std::int64_t x = 0; x < y_.w(); ++x) {
    const numeric::InterpolationWeights& column = level.columns.taps[static_cast<std::size_t>(x)];
    accumulate_two(column.first_weight, blended + column.first * channels, column.second_weight,
                   blended + column.second * channels, channels, line + x * channels);
  }
}

// A row of the result, of all images.
void Mixture::mix_row(const KernelRun& run, std::int64_t row, float* blended, float* line) const {
  const std::int64_t channels = y_.c(), length = y_.w() * channels;
  const float* const bias = run.inputs[kBias].as<const float>();
  bool stored = false;
  for (const Member& member : members_) {
    if (member.input != kX) continue;
    float* const products = sums_of(member, run) + row * length;
    stored = in_place(member);
    if (stored) {
      line = products;
    } else {
      std::copy_n(products, length, line);
    }
  }
  for (std::int64_t x = 0; bias != nullptr && x < y_.w(); ++x)
    accumulate(1.0f, bias, channels, line + x * channels);
  for (const Member& member : members_) {
    if (member.input != kX) add_level(member, sums_of(member, run), row, blended, line);
  }
  if (!stored) store_line(line, run.outputs[0], row);
}

Result<Member> make_member(const KernelRequest& request, std::size_t input, std::int64_t first_channel) {
  const TensorDesc& desc = request.inputs[input];
  const TensorDesc& x = request.inputs[kX];
  const std::int64_t outputs = request.outputs[0].c();
  const std::int64_t all = request.inputs[kWeight].shape[1];
  GRAPHRUN_ASSIGN(cpu::Convolution product,
                  cpu::make_pixel_product(desc.dtype, desc.pixels(), desc.c(), outputs, request.threads));
  GRAPHRUN_ASSIGN(const auto part, cpu::strided_desc(DType::f32, {outputs, desc.c(), 1, 1},
                                                     std::vector<std::int64_t>{all, 1, 1, 1}));
  GRAPHRUN_ASSIGN(cpu::Primitive reorder, cpu::make_reorder(part, product.weight, request.threads));
  Member member{input, desc, first_channel, {}, {}, std::move(product), std::move(reorder)};
  if (input == kX) return member;
  GRAPHRUN_TRY(take_sampling_tables(request, desc, x));
  const numeric::Interpolation rule = interpolation_of(request.attrs);
  member.rows = numeric::sampling(rule, desc.h(), x.h());
  member.columns = numeric::sampling(rule, desc.w(), x.w());
  return member;
}

}  // namespace

Prepared prepare_mixture(const KernelRequest& request) {
  const auto place = static_cast<std::size_t>(request.attrs.integer("place"));
  std::vector<std::size_t> order;
  for (std::size_t i = kMixtureLevels; i < request.inputs.size(); ++i) order.push_back(i);
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(place), kX);
  if (const Result<DType> type = activation_type(request); !type.ok()) return type.status();
  std::vector<Member> members;
  std::int64_t channels = 0;
  for (const std::size_t input : order) {
    GRAPHRUN_ASSIGN(Member member, make_member(request, input, channels));
    members.push_back(std::move(member));
    channels += request.inputs[input].c();
  }
  return std::unique_ptr<Kernel>(std::make_unique<Mixture>(request, std::move(members)));
}

}  // namespace graphrun::ops::conv2d
