#pragma once

#include <memory>

#include "tools/eval/planes.h"

namespace graphrun {

std::unique_ptr<Planes> make_host_planes(const Backend& backend, const Planes::Settings& settings);

}  // namespace graphrun
