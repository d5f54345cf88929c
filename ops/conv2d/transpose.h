#pragma once

#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/definition.h"

// How conv_transpose2d and its gradients are made of kernels of conv2d, on both devices.
namespace graphrun::ops::conv2d {

using Prepare = Result<std::unique_ptr<Kernel>> (*)(const KernelRequest& request);

// The first that takes the request; the last one's reason where none does.
inline Result<std::unique_ptr<Kernel>> first_of(std::span<const Prepare> candidates,
                                                const KernelRequest& request) {
  Result<std::unique_ptr<Kernel>> kernel = Status(ErrorCode::declined, "there is no kernel");
  for (const Prepare prepare : candidates) {
    kernel = prepare(request);
    if (kernel.ok() || kernel.status().code() != ErrorCode::declined) return kernel;
  }
  return kernel;
}

// A request for an op of conv2d in the place of one for a transposed convolution.
class BorrowedRequest {
 public:
  BorrowedRequest(const KernelRequest& from, const OpDef& def, std::vector<TensorDesc> inputs,
                  std::vector<bool> input_present, std::vector<bool> input_constant,
                  std::vector<TensorDesc> outputs, std::vector<bool> output_present)
      : inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        request_{def,
                 from.attrs,
                 inputs_,
                 outputs_,
                 std::move(input_present),
                 std::move(output_present),
                 std::move(input_constant),
                 from.threads,
                 from.device} {}
  BorrowedRequest(const BorrowedRequest&) = delete;
  BorrowedRequest& operator=(const BorrowedRequest&) = delete;
  const KernelRequest& get() const { return request_; }

 private:
  std::vector<TensorDesc> inputs_, outputs_;
  KernelRequest request_;
};

// conv2d's gradient by x, of which x is y here.
inline Result<std::unique_ptr<Kernel>> borrow_grad_data(const KernelRequest& request,
                                                        std::span<const Prepare> candidates) {
  const BorrowedRequest inner(
      request, grad_data_definition(), {request.inputs[kX], request.inputs[kWeight], request.outputs[0]},
      {true, true, true}, {false, request.input_constant[kWeight], false}, {request.outputs[0]}, {true});
  return first_of(candidates, inner.get());
}

// conv2d itself, from gy to gx.
inline Result<std::unique_ptr<Kernel>> borrow_forward(const KernelRequest& request,
                                                      std::span<const Prepare> candidates) {
  const BorrowedRequest inner(request, forward_definition(),
                              {request.inputs[0], request.inputs[1], TensorDesc()}, {true, true, false},
                              {false, request.input_constant[1], false}, {request.outputs[0]}, {true});
  return first_of(candidates, inner.get());
}

// conv2d's gradient by its weight, without the bias.
inline Result<std::unique_ptr<Kernel>> borrow_grad_weight(const KernelRequest& request,
                                                          std::span<const Prepare> candidates) {
  const BorrowedRequest inner(request, grad_weight_definition(),
                              {request.inputs[1], request.inputs[0], request.inputs[2]}, {true, true, true},
                              {false, false, false}, {request.outputs[0], TensorDesc()}, {true, false});
  return first_of(candidates, inner.get());
}

// A kernel of conv2d with what comes after it: run() of a derived class.
class BorrowingKernel : public Kernel {
 public:
  explicit BorrowingKernel(std::unique_ptr<Kernel> inner) : inner_(std::move(inner)) {}
  std::string_view name() const override { return inner_ ? inner_->name() : "sum"; }
  std::int64_t scratch_bytes() const override { return inner_ ? inner_->scratch_bytes() : 0; }
  std::int64_t packed_bytes() const override { return inner_ ? inner_->packed_bytes() : 0; }
  std::string packed_key() const override { return inner_ ? inner_->packed_key() : std::string(); }
  Status pack_constants(std::span<const TensorView> inputs, void* packed) const override {
    const std::array borrowed{inputs[0], inputs[1], TensorView()};
    return inner_->pack_constants(borrowed, packed);
  }

 protected:
  // Null: nothing of it is wanted.
  Kernel* inner() const { return inner_.get(); }

 private:
  std::unique_ptr<Kernel> inner_;
};

class TransposedGradData final : public BorrowingKernel {
 public:
  using BorrowingKernel::BorrowingKernel;
  Status run(const KernelRun& run) override {
    const std::array inputs{run.inputs[0], run.inputs[1], TensorView()};
    return inner()->run({inputs, run.outputs, run.scratch, run.packed});
  }
};

// The gradient by the weight, and beside it the bias's: sums of gy over pixels.
class BorrowedGradWeight : public BorrowingKernel {
 public:
  // `bias_bytes`: scratch of sum_bias(); 0 where the bias's gradient is not wanted.
  BorrowedGradWeight(std::unique_ptr<Kernel> inner, std::int64_t bias_bytes)
      : BorrowingKernel(std::move(inner)) {
    ScratchPlan plan;
    plan.add(BorrowingKernel::scratch_bytes());
    if (bias_bytes > 0) bias_at_ = plan.add(bias_bytes);
    bytes_ = plan.bytes();
  }
  std::int64_t scratch_bytes() const override { return bytes_; }

  Status run(const KernelRun& run) override {
    if (inner() != nullptr) {
      const std::array inputs{run.inputs[1], run.inputs[0], run.inputs[2]};
      const std::array outputs{run.outputs[0], TensorView()};
      GRAPHRUN_TRY(inner()->run({inputs, outputs, run.scratch, nullptr}));
    }
    return run.outputs[1].data == nullptr ? Status() : sum_bias(run, bias_at_);
  }

 private:
  // Sums run.inputs[0] to run.outputs[1]; its scratch begins at `scratch`.
  virtual Status sum_bias(const KernelRun& run, std::int64_t scratch) = 0;

  std::int64_t bias_at_ = 0, bytes_ = 0;
};

}  // namespace graphrun::ops::conv2d
