#pragma once

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

namespace graphrun::test {

// A few ops that have every feature that a model file can use: variadic and optional inputs, inputs that
// depend on a flag, outputs that nobody wants, updates in place, attributes of every kind.
const OpRegistry& sample_registry();

// A network of these ops: methods eval, train and update.
model::Model sample_model();

// A model of the size and with the names of a ResNet-50 in training: about 1500 nodes and 500 parameters.
model::Model large_model();

// Everything that a file keeps is equal.
bool equal(const model::Model& a, const model::Model& b);

}  // namespace graphrun::test
