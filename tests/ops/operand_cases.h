#pragma once

#include <vector>

#include "tests/ops/harness.h"

namespace graphrun::test {

// A small case of every op, with every input that it may have and every output.
std::vector<Case> operand_cases();

}  // namespace graphrun::test
