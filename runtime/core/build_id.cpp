#include "runtime/core/build_id.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace graphrun::core {
namespace {

std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// The notes of a loaded object: name and content, each filled up to words of 4 bytes.
std::string find_id(std::span<const unsigned char> notes) {
  constexpr std::string_view kOwner("GNU", 4);
  const auto filled = [](std::size_t bytes) { return (bytes + 3) / 4 * 4; };
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof note);
    notes = notes.subspan(sizeof note);
    const std::size_t name = filled(note.n_namesz);
    if (notes.size() < name || notes.size() - name < note.n_descsz) return {};
    const bool ours =
        note.n_namesz == kOwner.size() && std::equal(kOwner.begin(), kOwner.end(), notes.begin());
    if (ours && note.n_type == NT_GNU_BUILD_ID) return hexadecimal(notes.subspan(name, note.n_descsz));
    notes = notes.subspan(std::min(notes.size(), name + filled(note.n_descsz)));
  }
  return {};
}

struct Search {
  std::uintptr_t address = 0;
  std::string id;
};

int visit(dl_phdr_info* object, std::size_t, void* context) {
  auto& search = *static_cast<Search*>(context);
  const std::span segments(object->dlpi_phdr, object->dlpi_phnum);
  const bool has_this = std::ranges::any_of(segments, [&](const ElfW(Phdr) & segment) {
    return segment.p_type == PT_LOAD &&
           search.address - (object->dlpi_addr + segment.p_vaddr) < segment.p_memsz;
  });
  if (!has_this) return 0;
  for (const ElfW(Phdr) & segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    const auto* const notes = reinterpret_cast<const unsigned char*>(object->dlpi_addr + segment.p_vaddr);
    search.id = find_id({notes, segment.p_memsz});
    if (!search.id.empty()) break;
  }
  return 1;
}

}  // namespace

std::string build_id(const void* address) {
  Search search{reinterpret_cast<std::uintptr_t>(address), {}};
  dl_iterate_phdr(visit, &search);
  return search.id;
}

}  // namespace graphrun::core
