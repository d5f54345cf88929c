#pragma once

#include "datasets/dataset.h"

namespace graphrun::datasets {

// Consecutive samples: `count` from `first` on; count 0: all that follow.
struct SampleRange {
  std::int64_t first = 0;
  std::int64_t count = 0;

  bool whole() const { return first == 0 && count == 0; }
};

// Some of a data set's samples.
class Subset final : public Dataset {
 public:
  // `data` must outlive it. Errors: there is no sample `range.first`.
  static Result<std::unique_ptr<Subset>> make(const Dataset& data, const SampleRange& range);
  // Every `ranks`-th, from the `rank`-th on: neighbours, often alike in cost, are dealt out. May be empty.
  static std::unique_ptr<Subset> shard(const Dataset& data, int rank, int ranks);

  // The range that make() was given, cut to what there is: whole() where that is all.
  SampleRange range() const;

  std::int64_t size() const override { return count_; }
  bool labelled() const override { return data_.labelled(); }
  std::string name(std::int64_t index) const override { return data_.name(first_ + index * step_); }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    return data_.load_image(first_ + index * step_);
  }
  Result<imaging::Extent> image_size(std::int64_t index) const override {
    return data_.image_size(first_ + index * step_);
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    return data_.load_label(first_ + index * step_);
  }
  Result<Sample> load(std::int64_t index) const override { return data_.load(first_ + index * step_); }

 private:
  Subset(const Dataset& data, std::int64_t first, std::int64_t count, std::int64_t step)
      : data_(data), first_(first), count_(count), step_(step) {}
  const Dataset& data_;
  std::int64_t first_;
  std::int64_t count_;
  std::int64_t step_;
};

}  // namespace graphrun::datasets
