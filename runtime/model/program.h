#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "runtime/model/graph.h"

namespace graphrun::model {

// Values for late graph parameters, by name.
using Bindings = std::map<std::string, double, std::less<>>;

// A model, validated and immutable; any number of sessions of any sizes share one.
class Program : public std::enable_shared_from_this<Program> {
 public:
  // Errors: not_found, io, invalid_file. The registry must outlive the program.
  static Result<std::shared_ptr<const Program>> load(const std::string& path, const OpRegistry& registry);
  // The bytes of a model file; `bytes` is not kept. Errors: invalid_file.
  static Result<std::shared_ptr<const Program>> parse(std::span<const std::byte> bytes,
                                                      const OpRegistry& registry);
  // Takes a model that the compiler or parse_model made; validates it.
  static Result<std::shared_ptr<const Program>> make(Model model, const OpRegistry& registry);

  // This program with other values of late parameters; itself where they are what it has. Errors: a
  // name that the model has not (with the nearest one), a structural parameter, a value outside its range.
  Result<std::shared_ptr<const Program>> bind(const Bindings& bindings) const;

  const Model& model() const { return model_; }
  const OpRegistry& registry() const { return *registry_; }
  // The extents of a variable: expressions of graph parameters alone.
  const Shape& variable_shape(std::size_t index) const { return variable_shapes_[index]; }

 private:
  static Result<std::shared_ptr<const Program>> of_valid(Model model, const OpRegistry& registry);
  Program(Model model, const OpRegistry& registry) : model_(std::move(model)), registry_(&registry) {}
  Model model_;
  const OpRegistry* registry_;
  std::vector<Shape> variable_shapes_;
};

}  // namespace graphrun::model
