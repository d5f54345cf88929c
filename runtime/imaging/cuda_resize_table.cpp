#include "runtime/imaging/cuda_resize_table.h"

#include <algorithm>
#include <cstring>

#include "runtime/core/round_up.h"
#include "runtime/cuda/check.h"

namespace graphrun::imaging::gpu {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{8} << 20;
// Tables of some hundred sizes of images; with more they are made anew.
constexpr std::int64_t kMaxBytes = std::int64_t{64} << 20;

// `low` and `high` of TapTable.
struct Reach {
  std::vector<std::int32_t> low;
  std::vector<std::int32_t> high;

  explicit Reach(const WeightedResizeTable& taps) {
    const auto size = static_cast<std::size_t>(taps.size());
    low.resize(size);
    high.resize(size);
    for (std::size_t i = 0; i < size; ++i) {
      const auto [least, most] =
          std::minmax_element(taps.index.begin() + taps.begin[i], taps.index.begin() + taps.begin[i + 1]);
      low[i] = *least;
      high[i] = i > 0 ? std::max(*most, high[i - 1]) : *most;
    }
    for (std::size_t i = size; i-- > 1;) low[i - 1] = std::min(low[i - 1], low[i]);
  }
  std::int32_t span(std::size_t outputs) const {
    std::int32_t most = 0;
    for (std::size_t i = 0; i < low.size(); ++i)
      most = std::max(most, high[std::min(i + outputs, low.size()) - 1] - low[i] + 1);
    return most;
  }
};

template <class T>
std::int64_t bytes_of(const std::vector<T>& values) {
  return std::ssize(values) * static_cast<std::int64_t>(sizeof(T));
}

}  // namespace

Result<Staged> Staged::make(cuda::Device& device, std::int64_t bytes) {
  Staged staged;
  GRAPHRUN_ASSIGN(void* const memory, device.allocate(bytes));
  staged.device_ = {static_cast<std::byte*>(memory), {&device}};
  void* host = nullptr;
  GRAPHRUN_TRY(cuda::check(cudaMallocHost(&host, static_cast<std::size_t>(bytes)), "cudaMallocHost"));
  staged.host_.reset(static_cast<std::byte*>(host));
  staged.bytes_ = bytes;
  return staged;
}

void TapTables::begin_image() {
  if (total_ < kMaxBytes) return;
  linear_.clear();
  weighted_.clear();
  block_ = 0;
  used_ = 0;
  total_ = 0;
}

Result<TapTables::Place> TapTables::take(std::int64_t bytes) {
  const std::int64_t size = core::whole_lines(bytes);
  while (block_ < blocks_.size() && used_ + size > blocks_[block_].bytes()) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    GRAPHRUN_ASSIGN(Staged block, Staged::make(device_, std::max(kBlockBytes, size)));
    blocks_.push_back(std::move(block));
  }
  const Place place{blocks_[block_].host() + used_, blocks_[block_].device() + used_};
  used_ += size;
  total_ += size;
  return place;
}

Status TapTables::upload(const Place& place, std::int64_t bytes) {
  return cuda::check(cudaMemcpyAsync(place.device, place.host, static_cast<std::size_t>(bytes),
                                     cudaMemcpyHostToDevice, device_.stream()),
                     "cudaMemcpyAsync of taps");
}

Result<const LinearTap*> TapTables::linear(const Key& key, const std::function<ResizeTable()>& make) {
  if (const auto known = linear_.find(key); known != linear_.end()) return known->second;
  const ResizeTable taps = make();
  std::vector<LinearTap> table;
  for (std::size_t i = 0; i < taps.first.size(); ++i)
    table.push_back({taps.first[i], taps.second[i], taps.first_weight[i], taps.second_weight[i]});
  GRAPHRUN_ASSIGN(const Place place, take(bytes_of(table)));
  std::memcpy(place.host, table.data(), table.size() * sizeof(LinearTap));
  GRAPHRUN_TRY(upload(place, bytes_of(table)));
  return linear_[key] = reinterpret_cast<const LinearTap*>(place.device);
}

Result<ColumnTaps> TapTables::weighted(const Key& key, const std::function<WeightedResizeTable()>& make) {
  if (const auto known = weighted_.find(key); known != weighted_.end()) return known->second;
  const WeightedResizeTable taps = make();
  const Reach reach(taps);
  ColumnTaps made;
  for (std::size_t i = 0; i < made.spans.size(); ++i) made.spans[i] = reach.span(std::size_t{1} << i);
  made.table.size = static_cast<std::int32_t>(taps.size());

  const std::int64_t bytes = bytes_of(taps.begin) + bytes_of(taps.index) + bytes_of(taps.weight) +
                             bytes_of(reach.low) + bytes_of(reach.high);
  GRAPHRUN_ASSIGN(const Place place, take(bytes));
  std::int64_t at = 0;
  const auto append = [&]<class T>(const std::vector<T>& values, const T*& where) {
    std::memcpy(place.host + at, values.data(), values.size() * sizeof(T));
    where = reinterpret_cast<const T*>(place.device + at);
    at += bytes_of(values);
  };
  append(taps.begin, made.table.begin);
  append(taps.index, made.table.index);
  append(taps.weight, made.table.weight);
  append(reach.low, made.table.low);
  append(reach.high, made.table.high);
  GRAPHRUN_TRY(upload(place, bytes));
  return weighted_[key] = made;
}

Result<const LinearTap*> TapTables::linear(std::int64_t from, std::int64_t to) {
  return linear({Kind::linear, {from, to}}, [&] { return linear_taps(from, to); });
}

Result<const LinearTap*> TapTables::means(const SlideAxis& axis, std::int64_t to) {
  return linear({Kind::means, {axis.extent, axis.crop, to}}, [&] { return mean_taps(axis, to); });
}

Result<ColumnTaps> TapTables::interpolation(numeric::Interpolation rule, std::int64_t from, std::int64_t to) {
  return weighted({Kind::interpolation, {static_cast<std::int64_t>(rule), from, to}},
                  [&] { return interpolation_taps(rule, from, to); });
}

Result<ColumnTaps> TapTables::through_view(numeric::Interpolation rule, std::int64_t from, std::int64_t input,
                                           std::int64_t view, std::int64_t to) {
  return weighted({Kind::through_view, {static_cast<std::int64_t>(rule), from, input, view, to}},
                  [&] { return through(interpolation_taps(rule, from, input), linear_taps(view, to)); });
}

}  // namespace graphrun::imaging::gpu
