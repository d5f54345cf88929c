#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/imaging/image.h"
#include "training/report/evaluation_facts.h"
#include "training/report/run_facts.h"

// The parts of a report's page, as HTML; each is empty where there is nothing to show.
namespace graphrun::training {

std::string curves_section(const RunFacts& run, const std::vector<StepFact>& steps);

// `colors`: of the classes; may be fewer.
std::string classes_section(const EvaluationFacts& evaluation, std::span<const imaging::Color> colors);
std::string confusion_section(const EvaluationFacts& evaluation);
std::string reliability_section(const EvaluationFacts& evaluation);

std::string settings_section(const RunFacts& run);
// What made the run, and the command that repeats it.
std::string origin_section(const RunFacts& run);

}  // namespace graphrun::training
