#pragma once

#include <string>
#include <vector>

#include "runtime/imaging/image.h"
#include "training/report/evaluation_facts.h"
#include "training/report/run_facts.h"

namespace graphrun::training {

// What a report shows; parts may be missing. Nothing is owned.
struct Page {
  const RunFacts* run = nullptr;
  const EvaluationFacts* evaluation = nullptr;
  std::vector<StepFact> steps;
  std::vector<imaging::Color> colors;  // of the classes
  std::string images;                  // sections, as HTML
  std::string profile;
  std::string left_out;  // why there are no images
};

// The whole document.
std::string page_html(const Page& page);

}  // namespace graphrun::training
