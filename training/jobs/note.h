#pragma once

#include <string>

namespace graphrun::training {

// Something worth saying about a job that is no error.
struct Note {
  bool is_warning = false;  // results may suffer; else the user may want to know
  std::string text;
};

}  // namespace graphrun::training
