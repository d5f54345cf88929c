#include "training/jobs/data.h"

#include "datasets/locate.h"

namespace graphrun::training {

Result<datasets::Descriptor> JobData::descriptor() const {
  if (own != nullptr) return *own;
  return datasets::find_descriptor(name);
}

Result<std::shared_ptr<const datasets::Dataset>> JobData::open(const datasets::Descriptor& descriptor,
                                                               const std::string& split) const {
  if (own != nullptr) {
    const auto found = own_splits.find(split);
    if (found != own_splits.end()) return found->second;
    std::string known;
    for (const auto& [name_of_split, data] : own_splits) known += (known.empty() ? "" : ", ") + name_of_split;
    return {ErrorCode::not_found,
            "data set '" + descriptor.name + "' has no split '" + split + "'; it has: " + known};
  }
  GRAPHRUN_ASSIGN(std::unique_ptr<datasets::Dataset> data,
                  datasets::open_dataset(descriptor, split, root_path()));
  return std::shared_ptr<const datasets::Dataset>(std::move(data));
}

}  // namespace graphrun::training
