#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/weights/pth.h"

// The zip format: APPNOTE.TXT 6.3 (PKWARE), sections 4.3 and 4.5.3.
namespace graphrun::weights {
namespace {

constexpr std::size_t kEndSize = 22;
constexpr std::size_t kLocatorSize = 20;
constexpr std::size_t kCentralSize = 46;
constexpr std::size_t kLocalSize = 30;
constexpr std::uint64_t kInZip64 = 0xFFFFFFFF;  // the true value stands in the zip64 extra field

constexpr std::uint64_t kEndMark = 0x06054b50;
constexpr std::uint64_t kLocatorMark = 0x07064b50;
constexpr std::uint64_t kEnd64Mark = 0x06064b50;
constexpr std::uint64_t kCentralMark = 0x02014b50;
constexpr std::uint64_t kLocalMark = 0x04034b50;

Status bad(std::string why) { return {ErrorCode::invalid_file, "zip archive: " + std::move(why)}; }

using Bytes = std::span<const std::byte>;

Result<Bytes> part(Bytes file, std::uint64_t offset, std::uint64_t size) {
  if (offset > file.size() || size > file.size() - offset) return bad("truncated or corrupt");
  return file.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// Precondition: Width bytes lie at `at`.
template <std::size_t Width>
std::uint64_t number(Bytes bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, Width);
  return value;
}

std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Directory {
  std::uint64_t entries = 0;
  Bytes bytes;
};

Result<Directory> find_directory(Bytes file) {
  constexpr std::size_t kLongestComment = 0xFFFF;
  for (std::size_t comment = 0; comment <= kLongestComment && comment + kEndSize <= file.size(); ++comment) {
    const std::size_t at = file.size() - kEndSize - comment;
    if (number<4>(file, at) != kEndMark || number<2>(file, at + 20) != comment) continue;
    Directory directory;
    if (at >= kLocatorSize && number<4>(file, at - kLocatorSize) == kLocatorMark) {
      GRAPHRUN_ASSIGN(const Bytes end, part(file, number<8>(file, at - kLocatorSize + 8), 56));
      if (number<4>(end, 0) != kEnd64Mark) return bad("no zip64 end record");
      directory.entries = number<8>(end, 32);
      GRAPHRUN_ASSIGN(directory.bytes, part(file, number<8>(end, 48), number<8>(end, 40)));
    } else {
      directory.entries = number<2>(file, at + 10);
      GRAPHRUN_ASSIGN(directory.bytes, part(file, number<4>(file, at + 16), number<4>(file, at + 12)));
    }
    return directory;
  }
  return bad("no end record: the file is truncated (a copy or download that did not end)");
}

struct Member {
  std::string_view name;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  // of the local header
  bool stored = true;        // neither compressed nor encrypted
};

// Replaces the values that do not fit 32 bits by those of the extra field, which come in this order.
Status read_zip64(Bytes extra, Member& member) {
  while (extra.size() >= 4) {
    const std::uint64_t id = number<2>(extra, 0);
    GRAPHRUN_ASSIGN(Bytes field, part(extra, 4, number<2>(extra, 2)));
    extra = extra.subspan(4 + field.size());
    if (id != 1) continue;
    for (std::uint64_t* value : {&member.size, &member.packed, &member.offset}) {
      if (*value != kInZip64) continue;
      if (field.size() < 8) return bad("a short zip64 field");
      *value = number<8>(field, 0);
      field = field.subspan(8);
    }
  }
  return {};
}

Result<Bytes> contents(Bytes file, const Member& member) {
  GRAPHRUN_ASSIGN(const Bytes header, part(file, member.offset, kLocalSize));
  if (number<4>(header, 0) != kLocalMark) return bad("no local header for " + quoted(member.name));
  const std::uint64_t name_size = number<2>(header, 26);
  const std::uint64_t extra_size = number<2>(header, 28);
  GRAPHRUN_ASSIGN(const Bytes name, part(file, member.offset + kLocalSize, name_size));
  if (text(name) != member.name) return bad("two names for " + quoted(member.name));
  return part(file, member.offset + kLocalSize + name_size + extra_size, member.size);
}

Result<std::vector<Member>> read_directory(Bytes file) {
  GRAPHRUN_ASSIGN(const Directory directory, find_directory(file));
  std::vector<Member> members;
  Bytes rest = directory.bytes;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    GRAPHRUN_ASSIGN(const Bytes header, part(rest, 0, kCentralSize));
    if (number<4>(header, 0) != kCentralMark) return bad("a corrupt directory");
    const std::uint64_t name_size = number<2>(header, 28);
    const std::uint64_t extra_size = number<2>(header, 30);
    const std::uint64_t comment_size = number<2>(header, 32);
    GRAPHRUN_ASSIGN(const Bytes name, part(rest, kCentralSize, name_size));
    GRAPHRUN_ASSIGN(const Bytes extra, part(rest, kCentralSize + name_size, extra_size));
    GRAPHRUN_ASSIGN(const Bytes whole, part(rest, 0, kCentralSize + name_size + extra_size + comment_size));
    rest = rest.subspan(whole.size());

    Member member{text(name), number<4>(header, 20), number<4>(header, 24), number<4>(header, 42), true};
    GRAPHRUN_TRY(read_zip64(extra, member));
    const bool encrypted = (number<2>(header, 8) & 1) != 0;
    member.stored = !encrypted && number<2>(header, 10) == 0 && member.packed == member.size;
    members.push_back(member);
  }
  return members;
}

Result<PthRecords> read_members(Bytes file, const std::vector<Member>& directory) {
  PthRecords members;
  for (const Member& member : directory) {
    if (member.name.ends_with('/')) continue;  // a folder, as other programs write them
    if (!member.stored) {
      return {ErrorCode::unsupported,
              "zip archive: " + quoted(member.name) +
                  " is compressed or encrypted, which torch.save never does: somebody packed the checkpoint "
                  "anew; torch.save(torch.load(FILE), 'weights.pth') in Python writes it as it was"};
    }
    GRAPHRUN_ASSIGN(const Bytes bytes, contents(file, member));
    if (!members.emplace(member.name, bytes).second) return bad("two members " + quoted(member.name));
  }
  return members;
}

// An archive without, or with more than, a state_dict: what it is; empty where it is a checkpoint.
std::string describe_archive(const std::vector<Member>& members) {
  const auto any = [&](const auto& is) { return std::ranges::any_of(members, is); };
  const auto has_end = [](std::string_view end) {
    return [end](const Member& member) { return member.name.ends_with(end); };
  };
  const auto has_part = [](std::string_view part) {
    return [part](const Member& member) { return member.name.find(part) != std::string_view::npos; };
  };
  if (any(has_end("/constants.pkl")) && any(has_part("/code/"))) {
    return "the file is a TorchScript archive, a program together with its weights: "
           "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth') in Python writes its weights alone";
  }
  if (any(has_end("archive_format")) || any(has_part("serialized_exported_program")) ||
      any(has_end("models/model.json"))) {
    return "the file is a program of torch.export (.pt2): "
           "torch.save(dict(torch.export.load(FILE).state_dict), 'weights.pth') in Python writes its weights "
           "alone";
  }
  if (any(has_end("/data.pkl"))) return {};
  if (any(has_end(".data/extern_modules")))
    return "the file is an archive of torch.package: import its model in Python and save its state_dict";
  if (any(has_end(".weights.h5")))
    return "the file is a model of Keras (.keras): its layers have other names and layouts than PyTorch's";
  if (any(has_end(".npy")))
    return "the file is an archive of NumPy arrays (.npz): save them as a dictionary of tensors with "
           "torch.save, or as .safetensors";
  for (const char* inside : {".pth", ".pt", ".ckpt", ".pth.tar", ".safetensors", ".bin"}) {
    const auto found = std::ranges::find_if(members, has_end(inside));
    if (found != members.end())
      return "the file is a zip archive with " + quoted(found->name) + " in it: unpack it first";
  }
  return members.empty()
             ? "the file is an empty zip archive"
             : "the file is a zip archive, but no checkpoint of PyTorch: it has no data.pkl; a member is " +
                   quoted(members[0].name);
}

}  // namespace

Result<TensorTable> read_pth_zip(std::span<const std::byte> file, const TensorChoice& choice) {
  constexpr std::string_view kPickle = "data.pkl";
  GRAPHRUN_ASSIGN(const std::vector<Member> directory, read_directory(file));
  if (const std::string other = describe_archive(directory); !other.empty())
    return {ErrorCode::unsupported, other};
  GRAPHRUN_ASSIGN(const PthRecords members, read_members(file, directory));
  // All members lie in one folder, whose name is free.
  const auto is_pickle = [&](const auto& member) {
    const std::size_t slash = member.first.find('/');
    return slash != std::string_view::npos && member.first.substr(slash + 1) == kPickle;
  };
  const auto found = std::ranges::find_if(members, is_pickle);
  if (found == members.end() || std::ranges::count_if(members, is_pickle) != 1) {
    return bad("not a PyTorch checkpoint: several data.pkl");
  }
  const std::string folder(found->first.substr(0, found->first.size() - kPickle.size()));

  const auto order = members.find(folder + "byteorder");
  if (order != members.end() && text(order->second) != "little") {
    return {ErrorCode::unsupported, "the checkpoint is not little endian"};
  }
  const std::string data = folder + "data/";
  PthRecords records;
  for (const auto& [name, bytes] : members) {
    if (name.starts_with(data)) records.emplace(name.substr(data.size()), bytes);
  }
  GRAPHRUN_ASSIGN(const Pickle pickle, read_pickle(found->second));
  return pth_tensors(pickle, records, file.size(), choice);
}

}  // namespace graphrun::weights
