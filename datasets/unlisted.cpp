#include "datasets/unlisted.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

enum class Kind {
  image_without_label,
  label_without_image,
  other_case,
  linked_folder,
  dangling,
  apple_double,
  other
};

struct Words {
  const char* one;
  const char* several;
};

Words words_for(Kind kind) {
  switch (kind) {
    case Kind::image_without_label:
      return {"image without a label", "images without a label"};
    case Kind::label_without_image:
      return {"label without an image", "labels without an image"};
    case Kind::other_case:
      return {"file whose ending differs from the suffix in capitals alone",
              "files whose ending differs from the suffix in capitals alone"};
    case Kind::linked_folder:
      return {"symbolic link to a folder, which is not followed",
              "symbolic links to folders, which are not followed"};
    case Kind::dangling:
      return {"symbolic link to nothing", "symbolic links to nothing"};
    case Kind::apple_double:
      return {"companion file of macOS (._NAME)", "companion files of macOS (._NAME)"};
    case Kind::other:
      break;
  }
  return {"file of another ending", "files of another ending"};
}

std::string normal(const fs::path& path) { return path.lexically_normal().string(); }

struct Entry {
  std::string path;
  fs::file_type type = fs::file_type::none;
  bool link = false;
};

// Files and links to folders below a folder, without what lies behind the links.
Result<std::vector<Entry>> entries_of(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  auto it = fs::recursive_directory_iterator(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    const Entry entry{normal(it->path()), it->status(ignored).type(), it->is_symlink(ignored)};
    if (entry.type != fs::file_type::directory || entry.link) entries.push_back(entry);
  }
  if (error) return Status(ErrorCode::io, folder.string() + ": cannot list: " + error.message());
  return entries;
}

bool ends_alike(std::string_view path, std::string_view suffix) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return path.size() >= suffix.size() &&
         std::ranges::equal(path.substr(path.size() - suffix.size()), suffix, {}, lower, lower);
}

Kind kind_of(const Entry& entry, const Split& layout, bool among_labels) {
  if (entry.type == fs::file_type::directory) return Kind::linked_folder;
  if (entry.type == fs::file_type::not_found) return Kind::dangling;
  if (is_apple_double(entry.path)) return Kind::apple_double;
  if (among_labels && entry.path.ends_with(layout.label_suffix)) return Kind::label_without_image;
  const bool alike = ends_alike(entry.path, layout.image_suffix) ||
                     (among_labels && ends_alike(entry.path, layout.label_suffix));
  return alike ? Kind::other_case : Kind::other;
}

class Account {
 public:
  explicit Account(const fs::path& root) : root_(root.lexically_normal()) {}

  void add(Kind kind, const std::string& path) {
    Unlisted& unlisted = found_[kind];
    constexpr std::size_t kExamples = 3;
    ++unlisted.count;
    if (unlisted.examples.size() < kExamples)
      unlisted.examples.push_back(fs::path(path).lexically_relative(root_).string());
  }

  std::vector<Unlisted> take() {
    std::vector<Unlisted> all;
    for (auto& [kind, unlisted] : found_) {
      unlisted.what = unlisted.count == 1 ? words_for(kind).one : words_for(kind).several;
      all.push_back(std::move(unlisted));
    }
    return all;
  }

 private:
  fs::path root_;
  std::map<Kind, Unlisted> found_;
};

}  // namespace

Result<std::vector<Unlisted>> find_unlisted(const SplitFiles& files) try {
  const Split& layout = files.layout;
  if (!layout.list.empty()) return std::vector<Unlisted>{};
  std::unordered_set<std::string> used;
  for (const SamplePath& sample : files.samples) {
    used.insert(normal(sample.image));
    if (files.labelled) used.insert(normal(sample.label));
  }
  Account account(files.root);
  std::unordered_set<std::string> there;
  // Images may lie in the same folder as labels, or one in the other.
  const auto look = [&](const fs::path& folder, bool among_labels) -> Status {
    GRAPHRUN_ASSIGN(std::vector<Entry> entries, entries_of(folder));
    std::ranges::sort(entries, {}, &Entry::path);
    for (const Entry& entry : entries) {
      if (there.insert(entry.path).second && !used.contains(entry.path))
        account.add(kind_of(entry, layout, among_labels), entry.path);
    }
    return {};
  };
  const fs::path labels = files.root / layout.labels;
  std::error_code ignored;
  if (files.labelled && fs::is_directory(labels, ignored)) GRAPHRUN_TRY(look(labels, true));
  GRAPHRUN_TRY(look(files.source, false));
  if (files.labelled) {
    for (const SamplePath& sample : files.samples) {
      if (!there.contains(normal(sample.label))) account.add(Kind::image_without_label, normal(sample.image));
    }
  }
  return account.take();
} catch (...) {
  return core::caught();
}

std::string describe(const Unlisted& unlisted) {
  std::string text = std::to_string(unlisted.count) + " " + unlisted.what;
  for (std::size_t i = 0; i < unlisted.examples.size(); ++i)
    text += (i == 0 ? ", e.g. " : ", ") + unlisted.examples[i];
  return text;
}

}  // namespace graphrun::datasets
