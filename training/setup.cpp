#include "training/setup.h"

namespace graphrun::training {

datasets::AugmentSettings augment_settings(const SettingTable& settings,
                                           const model::Preprocess& preprocess) {
  datasets::AugmentSettings augment;
  augment.train_h = settings.integer("train_h");
  augment.train_w = settings.integer("train_w");
  augment.scale_min = settings.real("scale_min");
  augment.scale_max = settings.real("scale_max");
  augment.aspect_min = settings.real("aspect_min");
  augment.aspect_max = settings.real("aspect_max");
  augment.rotate_min = settings.real("rotate_min");
  augment.rotate_max = settings.real("rotate_max");
  augment.blur = settings.flag("blur");
  augment.colors = {settings.real("brightness"), settings.real("contrast"), settings.real("saturation"),
                    settings.real("hue")};
  augment.cat_max_ratio = settings.real("cat_max_ratio");
  augment.ignore_label = static_cast<std::int32_t>(settings.integer("ignore_label"));
  augment.augment = settings.flag("augment");
  augment.mean.clear();
  augment.std.clear();
  for (std::size_t c = 0; c < preprocess.mean.size(); ++c) {
    augment.mean.push_back(preprocess.mean[c] * preprocess.value_scale);
    augment.std.push_back(preprocess.std[c] * preprocess.value_scale);
  }
  return augment;
}

}  // namespace graphrun::training
