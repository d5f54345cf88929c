#include <memory>
#include <utility>

#include "graphrun/bfloat16.h"
#include "ops/common/byte_averages.h"
#include "ops/common/bytes.h"
#include "ops/common/pixel_rows.h"

namespace graphrun::ops {
namespace {

class ByteAverages final : public Kernel {
 public:
  ByteAverages(std::unique_ptr<Kernel> of_integers, const KernelRequest& request, const TensorDesc& averages)
      : of_integers_(std::move(of_integers)),
        averages_(averages),
        rows_({averages, request.outputs[0]}),
        threads_(request.threads) {}
  std::string_view name() const override { return of_integers_->name(); }
  std::int64_t scratch_bytes() const override { return averages_.bytes(); }
  Status run(const KernelRun& run) override {
    const TensorView averages{averages_, run.scratch};
    GRAPHRUN_TRY(of_integers_->run({run.inputs, std::span(&averages, 1), nullptr, nullptr}));
    const Quantisation x = run.inputs[0].desc.quantisation;
    const TensorView& y = run.outputs[0];
    rows_.parallel_for(threads_, [&](std::int64_t at, std::int64_t length) {
      auto* const from = averages.as<float>() + at * rows_.stride(0);
      for (std::int64_t i = 0; i < length; ++i)
        from[i] = (from[i] - static_cast<float>(x.zero_point)) * x.scale;
      const std::int64_t to = at * rows_.stride(1);
      if (y.desc.dtype == DType::u8) {
        quantise_row(from, y.desc.quantisation, y.as<std::uint8_t>() + to, length);
      } else if (y.desc.dtype == DType::bf16) {
        for (std::int64_t i = 0; i < length; ++i) y.as<BFloat16>()[to + i] = static_cast<BFloat16>(from[i]);
      } else {
        std::copy_n(from, length, y.as<float>() + to);
      }
    });
    return {};
  }

 private:
  std::unique_ptr<Kernel> of_integers_;  // without scratch
  TensorDesc averages_;
  PixelRows rows_;
  int threads_;
};

}  // namespace

Result<std::unique_ptr<Kernel>> for_averages(const KernelRequest& request, PrepareIntegers prepare) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (!is_byte(x)) return {ErrorCode::declined, "averages bytes that have a scale"};
  if (!is_byte(y) && y.dtype != DType::f32 && y.dtype != DType::bf16)
    return {ErrorCode::declined, "y is neither bytes with a scale nor f32 nor bf16"};
  const TensorDesc averages = TensorDesc::nhwc(DType::f32, y.shape);
  KernelRequest of_integers = request;
  of_integers.outputs = std::span(&averages, 1);
  GRAPHRUN_ASSIGN(std::unique_ptr<Kernel> kernel, prepare(of_integers));
  return std::unique_ptr<Kernel>(std::make_unique<ByteAverages>(std::move(kernel), request, averages));
}

}  // namespace graphrun::ops
