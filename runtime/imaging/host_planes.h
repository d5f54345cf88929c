#pragma once

#include <memory>

#include "runtime/imaging/planes.h"

namespace graphrun::imaging {

std::unique_ptr<Planes> make_host_planes(const model::Backend& backend, const Planes::Settings& settings);

}  // namespace graphrun::imaging
