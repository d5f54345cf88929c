#pragma once

#include <math.h>
#include <stdint.h>

#include "graphrun/device_function.h"
#include "ops/region_loss/bins.h"

// The losses as functions of their sums (types.h), for both devices: no std. Sums are `classes` numbers each,
// one after the other.
namespace graphrun::ops::region_loss {

GRAPHRUN_DEVICE inline double class_weight(const float* weights, int64_t c) {
  return weights == nullptr ? 1.0 : static_cast<double>(weights[c]);
}

// 1 - a class's score, and its derivatives.
struct OverlapTerm {
  double loss, by_overlap, by_predicted;
};

struct OverlapRule {
  double alpha, beta, gamma, smooth;

  GRAPHRUN_DEVICE OverlapTerm term(double hit, double predicted, double labelled) const {
    if (!(labelled > 0)) return {0, 0, 0};
    const double above = hit + smooth;
    const double below = above + alpha * (predicted - hit) + beta * (labelled - hit);
    if (below == 0) return {1, 0, 0};
    const double by_overlap = (above * (1 - alpha - beta) - below) / (below * below);
    return {1 - above / below, by_overlap, above * alpha / (below * below)};
  }
};

struct OverlapLoss {
  OverlapRule rule;
  int64_t classes;
  const double* totals;
  const float* weights;  // null: all 1
  float* loss;

  GRAPHRUN_DEVICE OverlapTerm term(int64_t c) const {
    return rule.term(totals[c], totals[classes + c], totals[2 * classes + c]);
  }
  GRAPHRUN_DEVICE double weight_sum() const {
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += class_weight(weights, c);
    return sum;
  }
  // 0 where no class counts.
  GRAPHRUN_DEVICE double average() const {
    const double all = weight_sum();
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += class_weight(weights, c) * term(c).loss;
    return all > 0 ? sum / all : 0;
  }
  GRAPHRUN_DEVICE void operator()(int64_t) const {
    const double a = average();
    *loss = static_cast<float>(rule.gamma == 1 ? a : pow(a, rule.gamma));
  }
};

struct OverlapLossGrad {
  OverlapLoss forward;
  const float* gloss;
  double* gtotals;

  GRAPHRUN_DEVICE void operator()(int64_t) const {
    const double all = forward.weight_sum();
    const double gamma = forward.rule.gamma;
    double scale = all > 0 ? static_cast<double>(*gloss) / all : 0;
    if (gamma != 1) {
      const double a = forward.average();
      scale *= a > 0 ? gamma * pow(a, gamma - 1) : 0;
    }
    for (int64_t c = 0; c < forward.classes; ++c) {
      const OverlapTerm term = forward.term(c);
      const double factor = scale * class_weight(forward.weights, c);
      gtotals[c] = factor * term.by_overlap;
      gtotals[forward.classes + c] = factor * term.by_predicted;
      gtotals[2 * forward.classes + c] = 0;
    }
  }
};

// Sums of errors (types.h): counts and sums, of pixels of the class (hits) and of the others (misses).
struct ErrorTable {
  const double* totals;
  int64_t classes;

  GRAPHRUN_DEVICE double at(int sum, int64_t c, int64_t bin) const {
    return totals[(sum * classes + c) * kErrorBins + bin];
  }
};

// The weights that the Lovasz extension gives the errors of a class, from the largest bin to the least:
// visit(bin, of each hit, of each miss). With I pixels of the class that have smaller errors and U pixels
// that are of the class or have larger ones, the Jaccard loss before the bin is 1 - I/U, and 1 - (I - h)/(U +
// m) after its h hits and m misses. Returns the number of pixels of the class; 0: it has no weights.
template <class Visit>
GRAPHRUN_DEVICE double each_error_weight(const ErrorTable& table, int64_t c, const Visit& visit) {
  double labelled = 0;
  for (int64_t bin = 0; bin < kErrorBins; ++bin) labelled += table.at(0, c, bin);
  double below = labelled;
  double above = labelled;
  for (int64_t bin = kErrorBins - 1; bin >= 0 && labelled > 0; --bin) {
    const double hits = table.at(0, c, bin);
    const double misses = table.at(1, c, bin);
    const double after = above + misses;
    visit(bin, (1 / above + 1 / after) / 2, (2 * below - hits) / (2 * above * after));
    below -= hits;
    above = after;
  }
  return labelled;
}

// A class's loss, and whether it counts.
struct LovaszClass {
  ErrorTable table;
  const float* weights;  // null: all 1
  double* terms;         // (C, 2): weighted loss, weight

  GRAPHRUN_DEVICE void operator()(int64_t c) const {
    double loss = 0;
    const double labelled = each_error_weight(table, c, [&](int64_t bin, double of_hit, double of_miss) {
      loss += of_hit * table.at(2, c, bin) + of_miss * table.at(3, c, bin);
    });
    const double weight = labelled > 0 ? class_weight(weights, c) : 0;
    terms[2 * c] = weight * loss;
    terms[2 * c + 1] = weight;
  }
};

GRAPHRUN_DEVICE inline double sum_of_terms(const double* terms, int64_t classes, int which) {
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += terms[2 * c + which];
  return sum;
}

struct LovaszMean {
  const double* terms;
  int64_t classes;
  float* loss;

  GRAPHRUN_DEVICE void operator()(int64_t) const {
    const double weight = sum_of_terms(terms, classes, 1);
    *loss = weight > 0 ? static_cast<float>(sum_of_terms(terms, classes, 0) / weight) : 0.0f;
  }
};

// Gradient of the loss of one class, whose terms are known.
struct LovaszGrad {
  ErrorTable table;
  const double* terms;
  const float* gloss;
  double* gtotals;

  GRAPHRUN_DEVICE void operator()(int64_t c) const {
    for (int sum = 0; sum < 4; ++sum)
      for (int64_t bin = 0; bin < kErrorBins; ++bin) *cell(sum, c, bin) = 0;
    const double weight = terms[2 * c + 1];
    if (!(weight > 0)) return;
    const double scale = static_cast<double>(*gloss) * weight / sum_of_terms(terms, table.classes, 1);
    each_error_weight(table, c, [&](int64_t bin, double of_hit, double of_miss) {
      *cell(2, c, bin) = scale * of_hit;
      *cell(3, c, bin) = scale * of_miss;
    });
  }

 private:
  GRAPHRUN_DEVICE double* cell(int sum, int64_t c, int64_t bin) const {
    return gtotals + (sum * table.classes + c) * kErrorBins + bin;
  }
};

}  // namespace graphrun::ops::region_loss
