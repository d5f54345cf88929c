#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "exchange/onnx/model.h"

namespace graphrun::exchange::from_onnx {

// Names of a graph file, made of those that an exporter has chosen.

// The path of a node: that of its weight, "layer1.0.conv1" of "layer1.0.conv1.weight", or what the node's own
// name says, "backbone.layer1.0.conv1" of "/backbone/layer1/layer1.0/conv1/Conv". `weight`: the name of the
// initializer that is the node's second input, else empty. Not unique.
std::string path_of(const onnx::Node& node, std::string_view weight, std::size_t index);
// A name for a value: letters, digits and _.
std::string identifier_of(std::string_view text);

// Names that are taken.
class Names {
 public:
  // The name, or the name with a number that makes it new.
  std::string unique(const std::string& name);

 private:
  std::set<std::string, std::less<>> taken_;
  std::map<std::string, int, std::less<>> numbers_;  // the next one to try, by name
};

}  // namespace graphrun::exchange::from_onnx
