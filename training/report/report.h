#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "graphrun/status.h"

namespace graphrun::training {

// What a report is made of.
struct ReportRequest {
  std::filesystem::path
      source;  // a run's folder, or a metrics.json; one inside a run's folder brings the run
  std::filesystem::path output;   // empty: report.html in the run's folder, or beside metrics.json
  std::string dataset;            // empty: the run's
  std::string data_root;          // empty: the run's
  std::filesystem::path profile;  // a trace of kernels; empty: profile.json of the run, where there is one
};

struct ReportOutcome {
  std::filesystem::path file;
  std::int64_t bytes = 0;
  std::string left_out;  // why there are no images in it; empty where there are, or nothing was evaluated
};

// Writes one HTML file that needs nothing beside it: pictures, styles and script are in it, and it asks for
// nothing by network. Of a run it shows the newest evaluation. Errors: a source that is neither; files of it
// that are damaged; disk.
Result<ReportOutcome> write_report(const ReportRequest& request);

}  // namespace graphrun::training
