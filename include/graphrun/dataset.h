#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/class_info.h"
#include "graphrun/image.h"
#include "graphrun/status.h"

// Images with labels, to train on and to judge by. Component: training.
//
// A data set that a descriptor describes (doc/data.md), by name or path:
//
//     graphrun::Result<graphrun::Dataset> camvid = graphrun::Dataset::open("camvid", "/data/CamVid");
//     auto samples = camvid->split("val");
//     graphrun::Result<graphrun::Image> image = (*samples)->image(0);
//
// Data of one's own: derive from Samples, and say what the classes are.
//
//     class Yard final : public graphrun::Samples { ... };
//     auto yard = graphrun::Dataset::make("yard", {{"grass", {0, 160, 0}}, {"stone", {128, 128, 128}}},
//                                         {{"train", std::make_shared<Yard>(...)}});
namespace graphrun {

// What all images of a data set of one's own are: RGB of 8 bits, or channels of numbers (f32), which the
// network's "preprocess" scales where it says that f32 are stored, and else takes as they are.
struct SampleForm {
  std::int64_t channels = 3;  // up to 64; 3 of u8
  DType dtype = DType::u8;    // or f32
};

// An id in a label that says that the pixel counts nowhere.
inline constexpr ClassId kUnlabelled = 65535;

// The samples of one split. Functions are called from several threads at once, and must not change anything
// that another call sees. An exception that leaves one becomes an error of the sample.
class GRAPHRUN_API Samples {
 public:
  Samples() = default;
  Samples(const Samples&) = delete;
  Samples& operator=(const Samples&) = delete;
  virtual ~Samples();

  virtual std::int64_t size() const = 0;
  // Indices run from 0 to size() - 1. Names the sample in errors and its files in results; by default its
  // index. Where pictures are written, no two samples may share one.
  virtual std::string name(std::int64_t index) const;
  virtual bool labelled() const;  // true by default
  // As SampleForm says.
  virtual Result<Image> image(std::int64_t index) const = 0;
  // The label map, as large as the image: class ids from 0, or kUnlabelled. Not called where labelled() is
  // false.
  virtual Result<LabelMap> label(std::int64_t index) const = 0;
};

// The classes of a data set, and its splits. Cheap to copy; immutable, so that any number of threads may use
// it.
class GRAPHRUN_API Dataset {
 public:
  // `name`: of a descriptor among graphrun's, or the path of one's own (.json). `root`: folder of the files;
  // empty: $GRAPHRUN_DATA/NAME, the descriptor's, or ./data/NAME. Errors: no such descriptor, or one that is
  // wrong. Files are looked for when a split is opened.
  static Result<Dataset> open(const std::string& name, const std::string& root = {});
  // Training takes the split "train", and "val" where it validates. Errors: no or too many classes, no
  // splits, a null among them, images of no form.
  static Result<Dataset> make(const std::string& name, std::vector<ClassInfo> classes,
                              std::map<std::string, std::shared_ptr<const Samples>> splits,
                              const SampleForm& images = {});

  const std::string& name() const;
  const std::vector<ClassInfo>& classes() const;
  const std::vector<std::string>& splits() const;
  // Errors: no such split (the message lists those that there are), no files.
  Result<std::shared_ptr<const Samples>> split(const std::string& name) const;

  // For graphrun itself.
  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Dataset(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace graphrun
