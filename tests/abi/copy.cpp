// A plug-in of somebody's program that has graphrun inside. Two of it run beside each other in
// test_two_copies.
#include "graphrun/graphrun.h"
#include "graphrun/version.h"

// How many pixels of a small image the model labels, or -1; where this copy's graphrun is.
extern "C" GRAPHRUN_API long label_some(const char* model, const char* weights, const void** where) {
  *where = reinterpret_cast<const void*>(&graphrun::version);
  const std::vector<std::uint8_t> rgb(3 * 12 * 14, 77);
  graphrun::LabelerOptions options{.model = model, .weights = weights};
  options.device = "cpu";
  graphrun::Result<graphrun::Labeler> labeler = graphrun::Labeler::open(options);
  if (!labeler.ok()) return -1;
  const graphrun::Result<graphrun::LabelMap> map = labeler->label({rgb.data(), 12, 14});
  return map.ok() ? static_cast<long>(map->ids.size()) : -1;
}
