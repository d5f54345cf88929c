#pragma once

#include <map>
#include <string>

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

namespace graphrun::model {

// Roles that a graph gives outright, by the name of an input, and of an output of the method eval.
struct GivenRoles {
  std::map<std::string, std::string> inputs;
  std::map<std::string, std::string> outputs;
};

// The signature of a model that has none yet: a port for each input and each output, with types as inference
// finds them. What has no given role has the one that its name says (image, label, rng, lr, logits, loss,
// main_loss, ...), where its type fits that role. Precondition: validate_structure().
Signature make_signature(const Model& model, const OpRegistry& registry, const GivenRoles& given = {});

// The type and rank that tensors of a role have, and which class count goes with them. Null for a role that
// this program does not know.
struct RoleType {
  std::string_view role;
  bool is_input;
  DType dtype;
  int rank;
  int class_axis;  // its extent is the number of classes; -1: none
};
const RoleType* find_role(std::string_view role);

}  // namespace graphrun::model
