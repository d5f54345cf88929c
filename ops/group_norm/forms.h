#pragma once

#include "graphrun/kernel/kernel.h"
#include "ops/common/add_pieces.h"
#include "ops/group_norm/body.h"

// Bodies from requests and runs, for both devices.
namespace graphrun::ops::group_norm {

inline Groups groups_of(const Attributes& attrs, const TensorDesc& x) {
  return {x.h() * x.w(), x.c(), attrs.integer("groups")};
}

template <class T>
GroupNorm<T> forward_form(const KernelRequest& request) {
  GroupNorm<T> body{};
  body.groups = groups_of(request.attrs, request.inputs[0]);
  body.eps = static_cast<float>(request.attrs.real("eps"));
  body.x_stride = request.inputs[0].pixel_stride;
  body.y_stride = request.outputs[0].pixel_stride;
  return body;
}

template <class T>
GroupNormGrad<T> backward_form(const KernelRequest& request) {
  GroupNormGrad<T> body{};
  body.groups = groups_of(request.attrs, request.inputs[1]);
  body.eps = static_cast<float>(request.attrs.real("eps"));
  body.gy_stride = request.inputs[0].pixel_stride;
  body.x_stride = request.inputs[1].pixel_stride;
  body.gx_stride = request.outputs[0].pixel_stride;
  return body;
}
template <class T>
GroupNormGrad<T> bound(GroupNormGrad<T> body, const KernelRun& run) {
  body.gy = run.inputs[0].as<const T>();
  body.x = run.inputs[1].as<const T>();
  body.weight = run.inputs[2].as<const float>();
  body.gx = run.outputs[0].as<T>();
  body.sums = static_cast<double*>(run.scratch);
  return body;
}
inline AddPieces sum_of(const KernelRun& run) {
  const TensorDesc& x = run.inputs[1].desc;
  return {x.c(), x.n(), static_cast<const double*>(run.scratch), run.outputs[1].as<float>(),
          run.outputs[2].as<float>()};
}
inline std::int64_t scratch_of(const TensorDesc& x) {
  return x.n() * 2 * x.c() * static_cast<std::int64_t>(sizeof(double));
}

}  // namespace graphrun::ops::group_norm
