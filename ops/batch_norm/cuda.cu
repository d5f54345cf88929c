#include "ops/batch_norm/cuda_kernels.h"
#include "ops/common/cuda_kernel.cuh"

namespace graphrun::ops::batch_norm {
namespace {

// Channel i. The running statistics' new content may lie in their own memory.
struct Finish {
  const double* moments;
  const float* running_mean;
  const float* running_var;
  float* mean;
  float* inv_std;
  float* new_running_mean;  // null: unwanted
  float* new_running_var;   // null: unwanted
  int64_t channels;
  double eps;
  double momentum;

  __device__ void operator()(int64_t i) const {
    const double count = moments[i];
    const double batch_mean = moments[channels + i] / count;
    const double distance = moments[2 * channels + i] / count - batch_mean * batch_mean;
    const double variance = distance < 0 ? 0 : distance;
    mean[i] = static_cast<float>(batch_mean);
    inv_std[i] = static_cast<float>(1 / sqrt(variance + eps));
    if (new_running_mean != nullptr) new_running_mean[i] = moved(running_mean[i], batch_mean);
    if (new_running_var != nullptr) {
      const double others = count - 1 < 1 ? 1 : count - 1;
      new_running_var[i] = moved(running_var[i], variance * count / others);
    }
  }
  __device__ float moved(float from, double towards) const {
    const double old = from;
    return static_cast<float>(old + momentum * (towards - old));
  }
};

Result<std::unique_ptr<Kernel>> prepare_cuda_finish(const KernelRequest& request) {
  Finish body{};
  body.channels = request.inputs[0].shape[1];
  body.eps = request.attrs.real("eps");
  body.momentum = request.attrs.real("momentum");
  const auto bind = [](Finish& finish, const KernelRun& io) {
    finish.moments = io.inputs[0].as<const double>();
    finish.running_mean = io.inputs[1].as<const float>();
    finish.running_var = io.inputs[2].as<const float>();
    finish.mean = io.outputs[0].as<float>();
    finish.inv_std = io.outputs[1].as<float>();
    finish.new_running_mean = io.outputs[2].as<float>();
    finish.new_running_var = io.outputs[3].as<float>();
  };
  return make_cuda_body_kernel(request, "bn_finish", body, bind, body.channels);
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"batch_norm_eval", "cuda", prepare_cuda_eval},
          {"batch_norm_eval_grad", "cuda", prepare_cuda_eval_grad},
          {"bn_moments", "cuda", prepare_cuda_moments},
          {"bn_finish", "cuda", prepare_cuda_finish},
          {"bn_apply", "cuda", prepare_cuda_apply},
          {"bn_grad_sums", "cuda", prepare_cuda_grad_sums},
          {"bn_grad_apply", "cuda", prepare_cuda_grad_apply}};
}

}  // namespace graphrun::ops::batch_norm
