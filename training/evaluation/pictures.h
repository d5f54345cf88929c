#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "datasets/sample.h"
#include "graphrun/status.h"
#include "runtime/imaging/image.h"

namespace graphrun::training {

std::vector<imaging::Color> class_colors(std::span<const datasets::ClassInfo> classes);
// The label id of each class, as results are submitted. Errors: one beyond 8 bits.
Result<std::vector<std::uint8_t>> class_label_ids(const datasets::LabelRule& rule);

// What of probabilities is written.
struct ProbabilityFiles {
  bool confidence = false;     // confidence/NAME.png: of the class, 16 bits, 65535 stands for 1
  bool probabilities = false;  // probabilities/NAME.npy: float32, classes x height x width
  // Pixels whose class is less probable have the id `unsure` in gray/, color/ and overlay/. 0: none are.
  double threshold = 0;
  ClassId unsure = imaging::kByteIgnored;

  LabelDetails details() const { return {confidence || threshold > 0, probabilities}; }
};
// Errors: an id that pictures of so many classes do not hold, a threshold that is no probability.
Status check_files(const ProbabilityFiles& files, std::int64_t classes);

// Gives pixels whose class is less probable than the threshold the id `unsure`. Precondition: as many of
// both.
void take_unsure(const ProbabilityFiles& files, std::span<const float> confidence, std::span<ClassId> ids);
// Confidence in 16 bits: 65535 stands for 1.
std::vector<ClassId> confidence_ids(const imaging::LabelMap& map);
// With a colour for what is unsure.
std::vector<imaging::Color> palette_of(std::vector<imaging::Color> classes, const ProbabilityFiles& files);

// Writes label maps as pictures: gray/NAME.png (class ids), color/NAME.png (palette) and overlay/NAME.png
// (colours over the image); and label/NAME.png in the data set's own label ids, if asked for, whatever is
// unsure. No picture waits for the disk: finish() does for all.
class PictureWriter {
 public:
  // Makes the folders. `label_ids`: of each class, or empty. Errors: check_files()'s, the disk's.
  static Result<PictureWriter> create(const std::filesystem::path& folder,
                                      std::vector<imaging::Color> palette,
                                      std::vector<std::uint8_t> label_ids = {},
                                      const ProbabilityFiles& files = {});
  // A writer without color/ and overlay/, for write_frame() alone.
  static Result<PictureWriter> create_ids(const std::filesystem::path& folder,
                                          std::vector<imaging::Color> palette, const ProbabilityFiles& files);
  // From now on write_sheet() writes. Makes the folder.
  Status begin_sheets(std::vector<datasets::ClassInfo> classes);
  // sheet/NAME.jpg: image, prediction, and where there is a label (not empty) that and the errors, with a
  // legend; nothing before begin_sheets(). Precondition: equal sizes.
  Status write_sheet(const std::string& name, const imaging::Image& image, const imaging::LabelMap& label,
                     const imaging::LabelMap& map) const;
  // Precondition: image and map are of equal size; the map has the files' details.
  Status write(const std::string& name, const imaging::Image& image, const imaging::LabelMap& map) const;

  // gray/NAME.png, and of probabilities what is asked for; returns what overlay/ would hold. Precondition: as
  // for write().
  Result<imaging::Image> write_frame(const std::string& name, const imaging::Image& image,
                                     const imaging::LabelMap& map) const;
  // The last call: all pictures outlast a loss of power then.
  Status finish() const;

 private:
  PictureWriter(std::filesystem::path folder, std::vector<imaging::Color> palette,
                const ProbabilityFiles& files);
  Status make_folder(const char* kind) const;
  // The map with the id of what is unsure, put into `room`; itself where no threshold is asked for.
  const imaging::LabelMap& shown(const imaging::LabelMap& found, imaging::LabelMap& room) const;
  Status write_probabilities(const std::string& name, const imaging::LabelMap& map) const;

  std::filesystem::path folder_;
  std::int64_t classes_;
  std::vector<imaging::Color> palette_;               // with a colour for what is unsure
  std::vector<datasets::ClassInfo> sheet_classes_{};  // empty: no sheets
  std::vector<std::uint8_t> label_ids_{};
  ProbabilityFiles files_;
};

}  // namespace graphrun::training
