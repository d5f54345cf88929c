#pragma once

#include <memory>
#include <utility>

#include "ops/common/bytes.h"

// Averages over many pixels of bytes. Their range is a small part of what they are made of, so they get a
// scale of their own: averages of the integers are computed in f32 and brought to it, or to reals.
namespace graphrun::ops {

template <class To>
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
    rows_.parallel_for(threads_, [&](std::int64_t at, std::int64_t length) {
      auto* const from = averages.as<float>() + at * rows_.stride(0);
      for (std::int64_t i = 0; i < length; ++i)
        from[i] = (from[i] - static_cast<float>(x.zero_point)) * x.scale;
      To* const to = run.outputs[0].as<To>() + at * rows_.stride(1);
      if constexpr (std::is_same_v<To, std::uint8_t>) {
        quantise_row(from, run.outputs[0].desc.quantisation, to, length);
      } else {
        for (std::int64_t i = 0; i < length; ++i) to[i] = static_cast<To>(from[i]);
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

// prepare(request) of a kernel that writes averages of x's integers in f32.
template <class Prepare>
Result<std::unique_ptr<Kernel>> for_averages(const KernelRequest& request, const Prepare& prepare) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  if (x.dtype != DType::u8 || x.quantisation.scale <= 0)
    return {ErrorCode::declined, "averages bytes that have a scale"};
  const TensorDesc averages = TensorDesc::nhwc(DType::f32, y.shape);
  KernelRequest of_integers = request;
  of_integers.outputs = std::span(&averages, 1);
  GRAPHRUN_ASSIGN(std::unique_ptr<Kernel> kernel, prepare(of_integers));
  const auto make = [&]<class To>(To) -> Result<std::unique_ptr<Kernel>> {
    return std::unique_ptr<Kernel>(std::make_unique<ByteAverages<To>>(std::move(kernel), request, averages));
  };
  if (y.dtype == DType::f32) return make(float());
  if (y.dtype == DType::bf16) return make(BFloat16());
  if (y.dtype == DType::u8 && y.quantisation.scale > 0) return make(std::uint8_t());
  return {ErrorCode::declined, "y is neither bytes with a scale nor f32 nor bf16"};
}

}  // namespace graphrun::ops
