#include "runtime/cuda/cudnn_graph.h"

#include <algorithm>

namespace graphrun::cuda::dnn {
namespace {

Result<cudnnDataType_t> library_type(DType type) {
  if (type == DType::f32) return CUDNN_DATA_FLOAT;
  if (type == DType::bf16) return CUDNN_DATA_BFLOAT16;
  return {ErrorCode::declined, "cuDNN is asked for f32 and bf16 only, got " + std::string(to_string(type))};
}

// Whether the engine works without what is forbidden. One that does not tell is left out.
bool permitted(const Descriptor& engine, std::span<const cudnnBackendNumericalNote_t> forbidden) {
  const auto notes = engine.notes();
  return notes.ok() && std::ranges::none_of(*notes, [&](cudnnBackendNumericalNote_t note) {
           return std::ranges::find(forbidden, note) != forbidden.end();
         });
}

}  // namespace

Status Descriptor::check(cudnnStatus_t code, std::string_view doing) const {
  if (code == CUDNN_STATUS_SUCCESS) return {};
  char words[512] = "";
  cudnnGetLastErrorString(words, sizeof words);
  words[sizeof words - 1] = '\0';
  std::string message = "cuDNN, " + std::string(doing) + " " + std::string(what_) + ": ";
  message += cudnnGetErrorString(code);
  if (words[0] != '\0') message.append(", ").append(words);
  return {ErrorCode::declined, std::move(message)};
}

Result<Descriptor> Descriptor::make(cudnnBackendDescriptorType_t type, std::string_view what) {
  Descriptor descriptor;
  descriptor.what_ = what;
  cudnnBackendDescriptor_t handle = nullptr;
  GRAPHRUN_TRY(descriptor.check(cudnnBackendCreateDescriptor(type, &handle), "making"));
  descriptor.handle_ = Handle<cudnnBackendDescriptor_t, cudnnBackendDestroyDescriptor>(handle);
  return descriptor;
}

Status Descriptor::finalize() { return check(cudnnBackendFinalize(get()), "finishing"); }

Status Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                       const void* values) {
  const cudnnStatus_t code = cudnnBackendSetAttribute(get(), name, type, count, values);
  if (code == CUDNN_STATUS_SUCCESS) return {};
  return check(code, "setting attribute " + std::to_string(static_cast<int>(name)) + " of");
}
Status Descriptor::set(cudnnBackendAttributeName_t name, std::int64_t value) {
  return set(name, CUDNN_TYPE_INT64, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, bool value) {
  return set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, float value) {
  return set(name, CUDNN_TYPE_FLOAT, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value) {
  return set(name, CUDNN_TYPE_CONVOLUTION_MODE, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, cudnnPointwiseMode_t value) {
  return set(name, CUDNN_TYPE_POINTWISE_MODE, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value) {
  return set(name, CUDNN_TYPE_HEUR_MODE, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, cudnnHandle_t value) {
  return set(name, CUDNN_TYPE_HANDLE, 1, &value);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
  return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}
Status Descriptor::set(cudnnBackendAttributeName_t name, std::span<void* const> values) {
  return set(name, CUDNN_TYPE_VOID_PTR, static_cast<std::int64_t>(values.size()), values.data());
}
Status Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  const cudnnBackendDescriptor_t handle = value.get();
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle);
}
Status Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values) {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const Descriptor& value : values) handles.push_back(value.get());
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()), handles.data());
}

Result<std::int64_t> Descriptor::integer(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0, count = 0;
  GRAPHRUN_TRY(
      check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_INT64, 1, &count, &value), "reading from"));
  return value;
}

Result<std::vector<cudnnBackendNumericalNote_t>> Descriptor::notes() const {
  std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  std::int64_t count = 0;
  GRAPHRUN_TRY(
      check(cudnnBackendGetAttribute(get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                     static_cast<std::int64_t>(notes.size()), &count, notes.data()),
            "reading from"));
  if (count >= 0 && count < static_cast<std::int64_t>(notes.size()))
    notes.resize(static_cast<std::size_t>(count));
  return notes;
}

bool Descriptor::compiles_at_run_time() const {
  std::array<cudnnBackendBehaviorNote_t, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT> notes{};
  std::int64_t count = 0;
  const cudnnStatus_t code =
      cudnnBackendGetAttribute(get(), CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                               static_cast<std::int64_t>(notes.size()), &count, notes.data());
  if (code != CUDNN_STATUS_SUCCESS) return false;
  count = std::min(count, static_cast<std::int64_t>(notes.size()));
  return std::find(notes.begin(), notes.begin() + count, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) !=
         notes.begin() + count;
}

Status Descriptor::get(cudnnBackendAttributeName_t name, Descriptor& value) const {
  cudnnBackendDescriptor_t handle = value.get();
  std::int64_t count = 0;
  return check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &handle),
               "reading from");
}

Result<std::vector<Descriptor>> Descriptor::get_all(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type,
                                                    std::string_view what) const {
  std::int64_t count = 0;
  GRAPHRUN_TRY(check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
                     "counting what is in"));
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < count; ++i) {
    GRAPHRUN_ASSIGN(Descriptor one, make(type, what));
    handles.push_back(one.get());
    found.push_back(std::move(one));
  }
  if (count == 0) return found;
  std::int64_t given = 0;
  GRAPHRUN_TRY(check(
      cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &given, handles.data()),
      "reading from"));
  if (given < count) found.resize(static_cast<std::size_t>(std::max<std::int64_t>(given, 0)));
  return found;
}

Result<std::int64_t> Graph::add(const Tensor& tensor) {
  const auto name = static_cast<std::int64_t>(tensors_.size()) + 1;
  const auto& [n, c, h, w] = tensor.extents;
  const std::array<std::int64_t, 4> strides{h * w * c, 1, w * c, c};
  GRAPHRUN_ASSIGN(const cudnnDataType_t type, library_type(tensor.type));
  GRAPHRUN_ASSIGN(Descriptor made, Descriptor::make(CUDNN_BACKEND_TENSOR_DESCRIPTOR, "a tensor"));
  GRAPHRUN_TRY(made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type));
  GRAPHRUN_TRY(made.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(tensor.extents)));
  GRAPHRUN_TRY(made.set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides)));
  GRAPHRUN_TRY(made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, name));
  GRAPHRUN_TRY(made.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16}));
  GRAPHRUN_TRY(made.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, tensor.intermediate));
  GRAPHRUN_TRY(made.finalize());
  tensors_.push_back(std::move(made));
  return name;
}

Status Graph::convolve(Convolution kind, const Window& window, std::int64_t x, std::int64_t weight,
                       std::int64_t y) {
  GRAPHRUN_ASSIGN(Descriptor shape, Descriptor::make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "a window"));
  const std::span<const std::int64_t> padding(window.padding);
  GRAPHRUN_TRY(shape.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT));
  GRAPHRUN_TRY(shape.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION));
  GRAPHRUN_TRY(shape.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2}));
  GRAPHRUN_TRY(shape.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, padding));
  GRAPHRUN_TRY(shape.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, padding));
  GRAPHRUN_TRY(
      shape.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span<const std::int64_t>(window.stride)));
  GRAPHRUN_TRY(shape.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<const std::int64_t>(window.dilation)));
  GRAPHRUN_TRY(shape.finalize());

  struct Names {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t alpha, beta, window, weight, x, y;
  };
  static constexpr Names kNames[] = {
      {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
      {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
      {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY}};
  const Names& names = kNames[static_cast<std::size_t>(kind)];
  GRAPHRUN_ASSIGN(Descriptor operation, Descriptor::make(names.type, "a convolution"));
  GRAPHRUN_TRY(operation.set(names.alpha, 1.0f));
  GRAPHRUN_TRY(operation.set(names.beta, 0.0f));
  GRAPHRUN_TRY(operation.set(names.window, shape));
  GRAPHRUN_TRY(operation.set(names.x, tensor(x)));
  GRAPHRUN_TRY(operation.set(names.weight, tensor(weight)));
  GRAPHRUN_TRY(operation.set(names.y, tensor(y)));
  GRAPHRUN_TRY(operation.finalize());
  windows_.push_back(std::move(shape));
  operations_.push_back(std::move(operation));
  return {};
}

Status Graph::pointwise(cudnnPointwiseMode_t mode, std::int64_t x, const std::int64_t* b, std::int64_t y) {
  GRAPHRUN_ASSIGN(Descriptor function,
                  Descriptor::make(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "a pointwise function"));
  GRAPHRUN_TRY(function.set(CUDNN_ATTR_POINTWISE_MODE, mode));
  GRAPHRUN_TRY(function.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT));
  GRAPHRUN_TRY(function.finalize());
  GRAPHRUN_ASSIGN(Descriptor operation,
                  Descriptor::make(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "a pointwise operation"));
  GRAPHRUN_TRY(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function));
  GRAPHRUN_TRY(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensor(x)));
  if (b != nullptr) GRAPHRUN_TRY(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensor(*b)));
  GRAPHRUN_TRY(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensor(y)));
  GRAPHRUN_TRY(operation.finalize());
  windows_.push_back(std::move(function));
  operations_.push_back(std::move(operation));
  return {};
}

Status Graph::sum(std::int64_t x, std::int64_t b, std::int64_t y) {
  return pointwise(CUDNN_POINTWISE_ADD, x, &b, y);
}
Status Graph::relu(std::int64_t x, std::int64_t y) {
  return pointwise(CUDNN_POINTWISE_RELU_FWD, x, nullptr, y);
}

Status Graph::finish(cudnnHandle_t handle) {
  GRAPHRUN_ASSIGN(graph_, Descriptor::make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "a graph"));
  GRAPHRUN_TRY(graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle));
  GRAPHRUN_TRY(graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_));
  return graph_.finalize();
}

Result<std::vector<Descriptor>> Graph::recommended(cudnnBackendHeurMode_t mode) const {
  GRAPHRUN_ASSIGN(Descriptor heuristics,
                  Descriptor::make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "the heuristics"));
  GRAPHRUN_TRY(heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph_));
  GRAPHRUN_TRY(heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode));
  GRAPHRUN_TRY(heuristics.finalize());
  return heuristics.get_all(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                            "a configuration");
}

Result<Configuration> Graph::usual(std::int64_t index) const {
  GRAPHRUN_ASSIGN(Descriptor engine, Descriptor::make(CUDNN_BACKEND_ENGINE_DESCRIPTOR, "an engine"));
  GRAPHRUN_TRY(engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph_));
  GRAPHRUN_TRY(engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, index));
  GRAPHRUN_TRY(engine.finalize());
  GRAPHRUN_ASSIGN(Descriptor knobs, Descriptor::make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "a configuration"));
  GRAPHRUN_TRY(knobs.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine));
  GRAPHRUN_TRY(knobs.finalize());
  return Configuration{std::move(engine), std::move(knobs)};
}

std::vector<Configuration> Graph::configurations(
    std::span<const cudnnBackendNumericalNote_t> forbidden) const {
  std::vector<Configuration> all;
  // Asking takes milliseconds, and trying all engines more: no more of it than is needed.
  constexpr std::size_t kEnough = 3, kFew = 1;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    if (all.size() >= kEnough) break;
    auto found = recommended(mode);
    if (!found.ok()) continue;
    for (Descriptor& knobs : *found) {
      auto engine = Descriptor::make(CUDNN_BACKEND_ENGINE_DESCRIPTOR, "an engine");
      if (engine.ok() && knobs.get(CUDNN_ATTR_ENGINECFG_ENGINE, *engine).ok() &&
          permitted(*engine, forbidden))
        all.push_back({*std::move(engine), std::move(knobs)});
    }
  }
  const auto engines = graph_.integer(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT);
  for (std::int64_t i = 0; all.size() < kFew && engines.ok() && i < *engines; ++i) {
    auto one = usual(i);
    if (one.ok() && permitted(one->engine, forbidden)) all.push_back(*std::move(one));
  }
  std::ranges::stable_partition(all,
                                [](const Configuration& one) { return !one.engine.compiles_at_run_time(); });
  return all;
}

Result<Plan> Plan::make(cudnnHandle_t handle, std::shared_ptr<const Graph> graph,
                        Configuration configuration) {
  Plan plan;
  plan.graph_ = std::move(graph);
  plan.configuration_ = std::move(configuration);
  GRAPHRUN_ASSIGN(plan.plan_, Descriptor::make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan"));
  GRAPHRUN_TRY(plan.plan_.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle));
  GRAPHRUN_TRY(plan.plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, plan.configuration_.knobs));
  GRAPHRUN_TRY(plan.plan_.finalize());
  GRAPHRUN_ASSIGN(plan.workspace_bytes_, plan.plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
  return plan;
}

Status Plan::run(cudnnHandle_t handle, std::span<const std::int64_t> names, std::span<void* const> data,
                 void* workspace) const {
  GRAPHRUN_ASSIGN(Descriptor pack,
                  Descriptor::make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "a plan's tensors"));
  GRAPHRUN_TRY(pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, names));
  GRAPHRUN_TRY(pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, data));
  GRAPHRUN_TRY(pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, std::span<void* const>(&workspace, 1)));
  GRAPHRUN_TRY(pack.finalize());
  return plan_.check(cudnnBackendExecute(handle, plan_.get(), pack.get()), "running");
}

}  // namespace graphrun::cuda::dnn
