#pragma once

#include <string>

#include "graphrun/image.h"

namespace graphrun {

struct ClassInfo {
  std::string name;
  Color color{};  // in pictures of label maps
};

}  // namespace graphrun
