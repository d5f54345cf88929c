#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/device.h"
#include "graphrun/dtype.h"
#include "graphrun/image.h"
#include "graphrun/op_libraries.h"
#include "graphrun/program.h"
#include "graphrun/status.h"
#include "graphrun/tiled.h"

// From an image of any size to a class for each of its pixels, by the model's own protocol, on any device:
//
//     graphrun::Result<graphrun::Labeler> labeler = graphrun::Labeler::open({.model = "yard.grun"});
//     if (!labeler.ok()) return fail(labeler.status());
//     graphrun::Result<graphrun::LabelMap> map = labeler->label({rgb, height, width});
//     if (map.ok()) std::puts(labeler->class_names()[map->at(row, column)].c_str());
namespace graphrun {

// Options left out come from the model, where it stores a protocol. Else a network that takes any size sees
// the whole image, another one crops of the training size; see doc/evaluation.md for what the protocols do.
struct LabelerOptions {
  std::string model;             // a bundle (.grun), as `grun pack` makes it of a run, or a model file (.fb)
  std::string weights{};         // .safetensors or .pth; none for a bundle
  std::string device = "auto";   // as Device::open
  int threads = 0;               // of the CPU; 0: all that this process may use
  DType precision = DType::f32;  // or bf16; s8 for int8, of quantised weights
  Parameters parameters{};       // late graph parameters
  OpLibraries ops{};             // with the model's ops that are not graphrun's; the labeler keeps them

  std::optional<std::string> protocol{};        // "slide" or "whole"
  std::optional<std::vector<double>> scales{};  // at which the network sees the image
  std::optional<bool> flip{};                   // mirrored as well
  std::optional<std::int64_t> base_size{};      // longer side at scale 1, pixels; 0: the image's own
  std::optional<ImageSize> crop{};              // of slide, which it chooses where `protocol` is not given

  // LabelMap::confidence and probabilities are wanted, after the temperature of the model's calibration if it
  // has one. No label depends on them.
  bool confidence = false;
  bool probabilities = false;

  // These change time and memory, not the label maps (but for the last bits of sums).
  std::int64_t batch = 0;         // crops at once; 0: 1 on the CPU, on a GPU as many as are useful and fit
  std::int64_t sessions = 16;     // sizes for which the network stays bound
  std::int64_t memory_limit = 0;  // bytes; 0: what the device has available when the labeler is opened
  // Folder for what is computed once: weights as kernels want them (save_packed), choices of a GPU's
  // kernels. Empty: nothing is read or written.
  std::string cache{};

  // Among the tensors of `weights`: the dictionary of the checkpoint ("ema.state_dict") and the prefix of the
  // names to take, which is dropped. Empty: those that fit.
  std::string key{};
  std::string strip{};
};

// Threads may share a labeler: calls take turns, and each has the machine to itself. Whoever wants images
// labelled side by side opens one for each thread, with a part of the CPU's threads.
class GRAPHRUN_API Labeler {
 public:
  // Errors: not_found, io, invalid_file: the files; usage: a bundle with weights beside it, or a model file
  // without; invalid_argument: what is in the options, or a network that gives no classes of pixels;
  // unsupported: the device, or an op library that the model needs and `ops` has not; out_of_memory.
  static Result<Labeler> open(const LabelerOptions& options);
  Labeler(Labeler&&) noexcept;
  Labeler& operator=(Labeler&&) noexcept;
  ~Labeler();

  // The most probable class of each pixel; of equal ones the first. Memory is taken as larger images come, up
  // to the limit.
  // Errors: invalid_argument: no data, other channels, another element type, rows that overlap; shape: a size
  // that the network cannot take; out_of_memory.
  Result<LabelMap> label(const ImageView& image);
  // Labels with these details in the place of the options'.
  Result<LabelMap> label(const ImageView& image, const LabelDetails& details);
  // The label map of each image, in the images' order; memory is taken once, for the largest. The first error
  // ends the call.
  Result<std::vector<LabelMap>> label(std::span<const ImageView> images);

  // Labels an image that is never in memory as a whole, and hands out its label map by windows, with the
  // labels (and bits) that label() would give of it in one piece. It takes the protocol slide, which
  // LabelerOptions::crop chooses, at scale 1 and base_size 0. Memory: some 300 MB and the network's, and for
  // each pixel of the image's width what some hundreds of rows take; nothing depends on the height. Errors:
  // as label(); invalid_argument: another protocol; what `image.read` or `write` says.
  Status label_tiled(const TiledImage& image, const WindowSink& write);

  // How many classes there are; a name for each, "class 7" where the model has none; their colours, empty
  // where the model has none.
  std::int64_t classes() const;
  const std::vector<std::string>& class_names() const;
  const std::vector<Color>& palette() const;
  std::int64_t channels() const;  // of the images
  const Device& device() const;
  // Bytes that an image of this size takes in all. Errors: a size that the network cannot take.
  Result<std::int64_t> memory_for(const ImageSize& size);
  // Keeps what kernels prepared of the weights in LabelerOptions::cache, so that the next process starts
  // quickly; nothing without one. Errors: io.
  Status save_packed() const;
  // Writes what it labels with as a bundle, as `grun pack` does: model, weights, classes, colours and the
  // protocol that it was opened with, in one file that appears whole or not at all. bf16: weights of two and
  // more axes take half the bytes. Quantised weights stay as they are. Errors: invalid_argument: a path that
  // does not end in .grun, another precision; not_found: the folder; io.
  Status pack(const std::string& path, DType precision = DType::f32) const;

  struct Impl;
  explicit Labeler(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphrun
