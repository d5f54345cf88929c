#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::training {

struct ClassFacts {
  std::string name;
  std::vector<std::optional<double>> scores;  // one for each of EvaluationFacts::class_scores
};

// A bin of a reliability table.
struct ReliabilityBin {
  double confidence = 0;  // mean of its pixels
  double accuracy = 0;
  double pixels = 0;
};

// A metrics.json, of this or of an earlier build: what it lacks is empty.
struct EvaluationFacts {
  std::filesystem::path file;
  std::vector<std::pair<std::string, double>> scores;  // those of the whole split, in the file's order
  std::vector<std::string> class_scores;               // names, such as iou, in the file's order
  std::vector<ClassFacts> classes;
  std::vector<std::vector<double>> confusion;  // pixels by label (row) and prediction; empty or square
  std::vector<ReliabilityBin> reliability;
  std::optional<double> calibration_error;                // the expected one
  std::optional<std::pair<double, double>> iou_interval;  // of mIoU, 95 %
  std::int64_t images = 0;
  std::string protocol;  // for people

  std::optional<double> score(const std::string& name) const;
  // A class's score, by the score's name.
  std::optional<double> score(std::size_t of_class, const std::string& name) const;
};

// Errors: no JSON object; more classes than there may be.
Result<EvaluationFacts> read_evaluation_facts(const std::filesystem::path& file);

}  // namespace graphrun::training
