#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/dtype.h"
#include "graphrun/image.h"
#include "graphrun/op_libraries.h"
#include "graphrun/status.h"

// A compiled network:
//
//     graphrun::Result<graphrun::Program> program = graphrun::Program::load("yard.grun");
//     if (!program.ok()) return fail(program.status());
//     for (const std::string& name : program->class_names()) std::puts(name.c_str());
namespace graphrun {

// Values of late graph parameters by name, such as {"classes", 11}.
using Parameters = std::map<std::string, double>;

// Height and width in pixels.
struct ImageSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

// A model, verified and immutable. A handle: copies are the same program. Any number of threads and of
// sessions of any sizes may share it.
class GRAPHRUN_API Program {
 public:
  // A model file (.fb) or a bundle (.grun), told apart by content. `parameters` replace the defaults of late
  // ones. `ops`: libraries of the ops that are not graphrun's; whoever computes with the program opens the
  // device with them as well (DeviceOptions::ops). Errors: not_found, io, invalid_file; invalid_argument for
  // a parameter that the model has not; unsupported where a library that the model needs is not among `ops`
  // (the message names it).
  static Result<Program> load(const std::string& path, const Parameters& parameters = {},
                              const OpLibraries& ops = {});

  const std::string& name() const;
  // Names and colours of the classes, by class id; empty where the model file has none.
  const std::vector<std::string>& class_names() const;
  const std::vector<Color>& palette() const;
  // Inputs of inference and its outputs, by the names that Session knows them by.
  const std::vector<std::string>& input_names() const;
  const std::vector<std::string>& output_names() const;
  std::int64_t image_channels() const;
  // The file has weights, too: it is a bundle.
  bool has_weights() const;
  // The smallest size that the network takes and that holds `size`. Errors: none with up to 128 more of each.
  Result<ImageSize> smallest_valid_size(const ImageSize& size) const;

  struct Impl;
  explicit Program(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace graphrun
