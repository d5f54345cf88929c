#include "runtime/session/gradient_reducer.h"

#include <algorithm>

namespace graphrun::session {

Result<std::unique_ptr<GradientReducer>> GradientReducer::create(
    const OpRegistry& ops, model::Backend& backend, std::shared_ptr<collective::Communicator> comm,
    std::span<const ReadyGradient> gradients, const Options& options) {
  std::unique_ptr<GradientReducer> exchange(new GradientReducer(std::move(comm), options.overlap));
  exchange->make_buckets(gradients, options.bucket_bytes);
  if (options.type == DType::bf16) GRAPHRUN_TRY(exchange->make_packing(ops, backend));
  return exchange;
}

void GradientReducer::make_buckets(std::span<const ReadyGradient> gradients, std::int64_t bucket_bytes) {
  for (const ReadyGradient& gradient : gradients) {
    const bool fits = !buckets_.empty() && buckets_.back().owner == gradient.owner &&
                      buckets_.back().view.desc.bytes() < bucket_bytes;
    if (!fits) {
      buckets_.emplace_back();
      buckets_.back().view = {TensorDesc::dense(DType::f32, {0}), gradient.view.data};
      buckets_.back().owner = gradient.owner;
    }
    Bucket& bucket = buckets_.back();
    bucket.view.desc.shape = {bucket.view.desc.shape.count() + gradient.view.desc.shape.count()};
    bucket.step = std::max(bucket.step, gradient.step);
  }
  // Every rank sorts them alike: whatever else they run, their gradients become ready in the same order.
  std::ranges::stable_sort(buckets_, {}, &Bucket::step);
}

// `cast` is an op of activations: a bucket is one of a single channel.
Status GradientReducer::make_packing(const OpRegistry& ops, model::Backend& backend) {
  std::int64_t bytes = 0;
  for (const Bucket& bucket : buckets_) bytes += bucket.view.desc.shape.count() * 2;
  GRAPHRUN_ASSIGN(packed_, backend.allocate(bytes));
  auto* memory = static_cast<std::byte*>(packed_->data());
  for (Bucket& bucket : buckets_) {
    const Shape shape{1, 1, 1, bucket.view.desc.shape.count()};
    const TensorView whole{TensorDesc::nhwc(DType::f32, shape), bucket.view.data};
    bucket.packed = {TensorDesc::nhwc(DType::bf16, shape), memory};
    memory += bucket.packed.desc.bytes();
    GRAPHRUN_ASSIGN(bucket.pack, BoundOp::bind(ops, backend, OpRole::cast, {}, {whole}, {bucket.packed}));
    GRAPHRUN_ASSIGN(bucket.unpack, BoundOp::bind(ops, backend, OpRole::cast, {}, {bucket.packed}, {whole}));
  }
  return {};
}

Status GradientReducer::start(Bucket& bucket) {
  if (bucket.pack) GRAPHRUN_TRY(bucket.pack->run());
  const TensorView& view = bucket.pack ? bucket.packed : bucket.view;
  const std::int64_t count = view.desc.shape.count();
  if (bucket.owner < 0) {
    GRAPHRUN_ASSIGN(bucket.ticket,
                    comm_->all_reduce(view.data, count, view.desc.dtype, collective::ReduceOp::sum));
  } else {
    GRAPHRUN_ASSIGN(bucket.ticket, comm_->reduce(view.data, count, view.desc.dtype, bucket.owner));
  }
  return {};
}

Status GradientReducer::after_step(std::size_t step) {
  if (!overlap_) return {};
  while (next_ < buckets_.size() && static_cast<std::size_t>(buckets_[next_].step) <= step)
    GRAPHRUN_TRY(start(buckets_[next_++]));
  return comm_->progress();
}

Status GradientReducer::finish() {
  while (next_ < buckets_.size()) GRAPHRUN_TRY(start(buckets_[next_++]));
  for (Bucket& bucket : buckets_) {
    GRAPHRUN_TRY(comm_->wait(bucket.ticket));
    const bool needed = bucket.owner < 0 || bucket.owner == comm_->rank();
    if (bucket.unpack && needed) GRAPHRUN_TRY(bucket.unpack->run());
  }
  return {};
}

}  // namespace graphrun::session
