#include "exchange/to_onnx/translation.h"
#include "tests/exchange/networks.h"

namespace graphrun::test {

using exchange::to_onnx::find_translation;
using exchange::to_onnx::refusal;

// A new op is exported, is written otherwise in the method eval, or is refused with a reason.
BOOST_AUTO_TEST_CASE(every_op_of_graph_files_is_exported_or_refused_by_name) {
  for (const OpDef* def : ops::op_registry().all()) {
    if (def->internal) continue;
    const bool known = find_translation(def->name) != nullptr || def->decomposition != nullptr ||
                       def->for_eval != nullptr || !refusal(def->name).empty();
    BOOST_TEST(known, def->name << " has neither a translation (exchange/to_onnx) nor a reason why not");
  }
}

// Nobody but the compiler writes these; each method eval of a graph may have them.
BOOST_AUTO_TEST_CASE(forms_of_evaluation_are_exported) {
  for (const char* op : {"batch_norm_eval", "conv2d_bn", "slice_channels"})
    BOOST_TEST(find_translation(op) != nullptr, op);
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_not_exported) {
  for (const OpDef* def : ops::op_registry().all())
    BOOST_TEST((find_translation(def->name) == nullptr || refusal(def->name).empty()), def->name);
}

}  // namespace graphrun::test
