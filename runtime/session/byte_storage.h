#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/model/backend.h"
#include "runtime/model/program.h"
#include "runtime/weights/quantised.h"

namespace graphrun::session {

// Which values of a method may be stored in 8 bits, while it is lowered.
class ByteStorage {
 public:
  // `quantised`: null where nothing is stored so. References live as long as this.
  ByteStorage(const model::Program& program, const model::Method& method, const model::Backend& backend,
              const weights::QuantisedValues* quantised);
  bool active() const { return quantised_ != nullptr; }

  // What the caller reads, which is wide.
  void add_outputs(const std::vector<model::NamedValue>& outputs);
  // The method's values, of which the inputs have their scales from the start.
  void add_values(const std::vector<model::Value>& values);
  // From here on its first output has the scale that its path has.
  void written_by(const Node& node);
  // How a value is stored in 8 bits; without a scale it is stored wide.
  Quantisation of(ValueId id) const;
  bool is_weight(const model::Value& value) const;

  // The op has kernels for 8 bits.
  bool has_kernel(std::string_view op) const;
  // Something reads the value that could read bytes, and the method's caller does not read it.
  bool wanted(ValueId id) const { return id >= method_values_ || wanted_.contains(id); }

  // A copy of a value in another type.
  struct Form {
    ValueId value = kNoValue;  // none yet
    bool computed = false;
  };
  Form& form(ValueId id, DType type) { return forms_[{id, type}]; }

 private:
  const model::Backend& backend_;
  const weights::QuantisedValues* quantised_;
  ValueId method_values_;
  mutable std::map<std::string, bool, std::less<>> kernels_;  // by op
  std::set<ValueId> wanted_;
  std::unordered_map<ValueId, Quantisation> scales_;
  std::map<std::pair<ValueId, DType>, Form> forms_;
};

}  // namespace graphrun::session
