#pragma once

#include <cmath>

#include "graphrun/kernel/kernel.h"
#include "ops/boundary/body.h"

// How bodies are made from a node, for kernels of both devices.
namespace graphrun::ops::boundary {

inline LabelBoundary make_label_boundary(const KernelRequest& request) {
  const Shape& label = request.inputs[0].shape;
  const std::int64_t width = request.attrs.integer("width");
  return {.h = label[1],
          .w = label[2],
          .reach = (width + 1) / 2,
          .side = width + 1,
          .ignore = static_cast<std::int32_t>(request.attrs.integer("ignore_label")),
          .label = nullptr,
          .boundary = nullptr};
}
inline void bind_label_boundary(LabelBoundary& to, const KernelRun& run) {
  to.label = run.inputs[0].as<const std::int32_t>();
  to.boundary = run.outputs[0].as<std::int32_t>();
}

template <class T>
SelectLabel<T> make_select_label(const KernelRequest& request) {
  const double threshold = request.attrs.real("threshold");
  return {.score_stride = request.inputs[1].pixel_stride,
          .limit = static_cast<float>(std::log(threshold / (1 - threshold))),
          .ignore = static_cast<std::int32_t>(request.attrs.integer("ignore_label")),
          .label = nullptr,
          .score = nullptr,
          .selected = nullptr};
}
template <class T>
void bind_select_label(SelectLabel<T>& to, const KernelRun& run) {
  to.label = run.inputs[0].as<const std::int32_t>();
  to.score = run.inputs[1].as<const T>();
  to.selected = run.outputs[0].as<std::int32_t>();
}

}  // namespace graphrun::ops::boundary
