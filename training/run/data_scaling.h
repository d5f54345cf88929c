#pragma once

#include <memory>
#include <string>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"

namespace graphrun::training {

// The network takes the data set's images: as many channels, of such numbers. The error says how to get one
// that does.
Status check_images(const model::Program& program, const datasets::Descriptor& descriptor);

// The data set's preprocessing and type of numbers, where the descriptor has them; else `own`, or, where that
// is for other images, none.
model::Preprocess data_scaling(const model::Preprocess& own, const datasets::Descriptor& descriptor);

// The program with the data set's preprocessing and type of numbers, where the descriptor has them, in the
// place of its own. Errors: as check_images(), but for the type.
Result<std::shared_ptr<const model::Program>> with_data_scaling(
    const std::shared_ptr<const model::Program>& program, const datasets::Descriptor& descriptor);

// What is worth knowing of a network that takes numbers as they are stored; empty: nothing.
std::string scaling_note(const model::Program& program, const datasets::Descriptor& descriptor);

}  // namespace graphrun::training
