#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "datasets/sample.h"
#include "training/evaluation/metrics.h"

// What a training run reports: to the terminal, its log files and TensorBoard.
namespace graphrun::training {

struct Scores {
  double mean_iou = 0;
  double mean_accuracy = 0;
  double accuracy = 0;  // of all labelled pixels

  static Scores of(const ConfusionMatrix& confusion) {
    const Metrics metrics = confusion.metrics();
    return {metrics.mean_iou, metrics.mean_accuracy, metrics.accuracy};
  }
};

// One iteration: an optimiser step of a global batch.
struct IterationRecord {
  std::int64_t iter = 0;   // from 1
  std::int64_t epoch = 0;  // from 1
  double loss = 0;
  double main_loss = 0;
  double aux_loss = 0;
  double lr = 0;  // of this step
  double data_s = 0;
  double step_s = 0;
  double images_per_s = 0;
  Scores scores;  // of its batch
};

struct ValidationRecord {
  double loss = 0;  // cross entropy, the mean over the labelled pixels of the split
  Metrics scores;
};

struct EpochRecord {
  std::int64_t epoch = 0;  // from 1
  std::int64_t iter = 0;   // its last
  double loss = 0;         // mean of its iterations' main losses
  Scores scores;           // of its batches, as they were trained on
  std::optional<ValidationRecord> validation;
  bool is_best = false;  // of all validations so far, by the setting best_metric
};

// A picture to look at.
struct Picture {
  std::string name;
  imaging::Image image;
};

}  // namespace graphrun::training
