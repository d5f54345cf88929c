#include "datasets/check.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <new>
#include <thread>

#include "datasets/check_counts.h"
#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "datasets/missing_file.h"
#include "datasets/orientation.h"
#include "datasets/png_codec.h"
#include "datasets/sample_list.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

// A palette file made by a program that numbers colours in the order of their appearance has the right
// colours under the wrong indices.
void compare_palette(const LabelImage& label, const Descriptor& descriptor, const LabelRule& rule,
                     std::int64_t sample, const std::string& file, Counts& counts) {
  std::vector<bool> used(label.palette.size());
  for (const std::uint16_t id : label.ids) {
    if (id < used.size()) used[id] = true;
  }
  for (std::size_t id = 0; id < used.size(); ++id) {
    const auto class_id = rule.class_of(static_cast<std::uint16_t>(id));
    const bool right = class_id && *class_id != imaging::kIgnoredClass &&
                       descriptor.classes[*class_id].color == label.palette[id];
    if (!used[id] || right) continue;
    const auto other = std::find_if(descriptor.classes.begin(), descriptor.classes.end(),
                                    [&](const ClassInfo& info) { return info.color == label.palette[id]; });
    if (other == descriptor.classes.end()) continue;
    counts.add({ProblemKind::palette_differs, sample, file,
                "index " + std::to_string(id) + " has the colour of class '" + other->name + "'"});
    return;
  }
}

void check_sample(const Descriptor& descriptor, const SamplePath& path, std::int64_t sample, Counts& counts) {
  const auto problem = [&](ProblemKind kind, const std::filesystem::path& file, const std::string& message) {
    counts.add({kind, sample, file.string(), message});
  };
  const auto image = read_upright_image(path.image, descriptor.images);
  if (image.ok()) {
    counts.add_size(image->image);
    counts.channels.add(image->image);
    if (image->orientation != kUpright && ++counts.turned == 1)
      counts.first_turned = {sample, 0, 0, path.image};
  } else {
    const bool missing = image.status().code() == ErrorCode::not_found;
    problem(missing ? ProblemKind::image_missing : ProblemKind::image_unreadable, path.image,
            image.status().message() + (missing ? missing_file_hint(path.image) : ""));
  }
  if (path.label.empty()) return;
  const std::filesystem::path file = path.label;
  const LabelRule& rule = label_rule(descriptor, file);
  const auto label = read_label(path.label, rule.form());
  if (!label.ok()) {
    const ErrorCode code = label.status().code();
    const bool is_exchanged = code == ErrorCode::unsupported && image.ok() && image->image.is_rgb() &&
                              has_equal_channels(image->image);
    problem(code == ErrorCode::not_found     ? ProblemKind::label_missing
            : code == ErrorCode::unsupported ? ProblemKind::label_form
                                             : ProblemKind::label_unreadable,
            path.label,
            label.status().message() + (code == ErrorCode::not_found ? missing_file_hint(path.label) : "") +
                (is_exchanged ? "; the image is grey: are image and label exchanged?" : ""));
    return;
  }
  ++counts.labels;
  if (image.ok() && (image->image.height != label->height || image->image.width != label->width)) {
    problem(ProblemKind::size_mismatch, path.label,
            std::to_string(label->width) + " x " + std::to_string(label->height) + ", but the image is " +
                size_text(*image) + orientation_hint(*image, {label->height, label->width}));
  }
  count_ids(*label, rule, sample, path.label, counts);
  if (rule.form() == LabelForm::ids && !label->palette.empty())
    compare_palette(*label, descriptor, rule, sample, path.label, counts);
}

Result<Counts> check_samples(const Descriptor& descriptor, const std::vector<SamplePath>& samples,
                             int threads, const CheckProgress& progress) {
  std::vector<Counts> counts(static_cast<std::size_t>(threads), Counts(descriptor.classes.size()));
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> done{0};
  const auto total = static_cast<std::int64_t>(samples.size());
  std::vector<Status> ended(counts.size());
  const auto count = [&](Counts& mine) -> Status {
    for (std::size_t i = next++; i < samples.size(); i = next++) {
      const auto sample = static_cast<std::int64_t>(i);
      try {
        check_sample(descriptor, samples[i], sample, mine);
      } catch (const std::bad_alloc&) {
        mine.add({ProblemKind::image_unreadable, sample, samples[i].image, "no memory to read it"});
      }
      ++done;
      if (progress && &mine == counts.data()) progress(done, total);
    }
    return {};
  };
  const auto work = [&](std::size_t t) { ended[t] = core::guard([&] { return count(counts[t]); }); };
  {
    std::vector<std::jthread> pool;
    pool.reserve(counts.size());
    for (std::size_t t = 1; t < counts.size(); ++t) pool.emplace_back([&, t] { work(t); });
    work(0);
  }
  for (const Status& status : ended) GRAPHRUN_TRY(status);
  if (progress) progress(total, total);
  for (std::size_t t = 1; t < counts.size(); ++t) counts[0].merge(counts[t]);
  return std::move(counts[0]);
}

Counts count_generated(const Dataset& dataset, const Descriptor& descriptor) {
  Counts counts(descriptor.classes.size());
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const auto sample = dataset.load(i);
    if (!sample.ok()) continue;
    counts.add_size(sample->image);
    counts.channels.add(sample->image);
    LabelImage label{sample->label.height, sample->label.width, {}, {}};
    label.ids.assign(sample->label.ids.begin(), sample->label.ids.end());
    ++counts.labels;
    count_ids(label, descriptor.labels, i, dataset.name(i), counts);
  }
  return counts;
}

void add_repeated_names(const std::vector<SamplePath>& samples, Counts& counts) {
  std::map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto [at, fresh] = seen.emplace(samples[i].name, i);
    if (fresh) continue;
    const SamplePath& first = samples[at->second];
    const bool same = first.image == samples[i].image;
    counts.add({same ? ProblemKind::sample_twice : ProblemKind::name_twice, static_cast<std::int64_t>(i),
                samples[i].image,
                same ? "is sample " + std::to_string(at->second + 1) + " and " + std::to_string(i + 1)
                     : "named '" + samples[i].name + "' as is " + first.image});
  }
}

void suggest_weights(std::vector<ClassCount>& classes) {
  const auto frequency = [](const ClassCount& c) {
    return static_cast<double>(c.pixels) / static_cast<double>(c.image_pixels);
  };
  std::vector<double> present;
  for (const ClassCount& c : classes) {
    if (c.pixels > 0) present.push_back(frequency(c));
  }
  if (present.empty()) return;
  std::sort(present.begin(), present.end());
  const std::size_t half = present.size() / 2;
  const double median = present.size() % 2 == 1 ? present[half] : (present[half - 1] + present[half]) / 2;
  for (ClassCount& c : classes) c.weight = c.pixels > 0 ? median / frequency(c) : 0;
}

// One problem for each unknown id.
void add_unknown(Counts& counts) {
  for (const auto& [key, entry] : counts.unknown) {
    counts.add({ProblemKind::unknown_label_id, entry.first.sample, entry.first.file,
                entry.name + " first at row " + std::to_string(entry.first.row) + ", column " +
                    std::to_string(entry.first.column) + "; " + std::to_string(entry.pixels) + " pixels in " +
                    std::to_string(entry.files) + (entry.files == 1 ? " file" : " files")});
  }
}

}  // namespace

Result<CheckReport> check_dataset(const Descriptor& descriptor, const std::string& split,
                                  const std::optional<std::filesystem::path>& data_root, int threads,
                                  const CheckProgress& progress) try {
  GRAPHRUN_TRY(find_split(descriptor, split));
  Counts counts(descriptor.classes.size());
  CheckReport report;
  if (descriptor.generator) {
    GRAPHRUN_ASSIGN(const auto dataset, open_dataset(descriptor, split, data_root));
    report.samples = dataset->size();
    counts = count_generated(*dataset, descriptor);
  } else {
    GRAPHRUN_ASSIGN(const SplitFiles files, find_split_files(descriptor, split, data_root));
    const std::vector<SamplePath>& samples = files.samples;
    report.samples = static_cast<std::int64_t>(samples.size());
    GRAPHRUN_ASSIGN(counts, check_samples(descriptor, samples, std::clamp(threads, 1, 256), progress));
    report.labelled = files.labelled;
    GRAPHRUN_ASSIGN(report.unlisted, find_unlisted(files));
    add_repeated_names(samples, counts);
  }
  add_unknown(counts);
  report.hints = label_hints(descriptor, counts);
  report.notes = check_notes(descriptor, counts);
  if (counts.labels > 0) {
    for (std::string& note : poor_label_notes(descriptor, counts)) report.notes.push_back(std::move(note));
  }
  report.counts = counts.found;
  std::stable_sort(counts.problems.begin(), counts.problems.end(),
                   [](const Problem& a, const Problem& b) { return a.sample < b.sample; });
  suggest_weights(counts.per_class);
  report.dataset = descriptor.name;
  report.split = split;
  report.ignored_pixels = counts.ignored;
  report.smallest_height = counts.high[0] == 0 ? 0 : counts.low[0];
  report.smallest_width = counts.high[0] == 0 ? 0 : counts.low[1];
  report.largest_height = counts.high[0];
  report.largest_width = counts.high[1];
  for (const ClassInfo& info : descriptor.classes) report.class_names.push_back(info.name);
  report.classes = std::move(counts.per_class);
  report.problems = std::move(counts.problems);
  report.channels = counts.channels.statistics();
  report.images = descriptor.images.form;
  return report;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
