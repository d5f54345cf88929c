#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "graphrun/status.h"

// A restricted reader of Python pickles (protocols 2 to 5:
// https://docs.python.org/3/library/pickletools.html). It calls nothing and builds nothing but the objects
// below: what any other class or function would make is inert, and one that is there to run code is an error.
// Iterative. Its memory is at most 32 MiB and 32 times the pickle's size, and a few bytes for each of its
// bytes.
namespace graphrun::weights {

using PickleId = std::uint32_t;  // index into Pickle::objects

enum class PickleKind : std::uint8_t {
  none,
  boolean,  // integer
  integer,  // integer
  text,     // text, as it stands in the file
  list,     // items
  tuple,    // items; also torch.Size
  dict,     // items: key, value, key, value ...; also OrderedDict; a later equal key replaces an earlier one
  global,   // global, and text: its module's last name, e.g. "FloatStorage"
  storage,  // items: the persistent id: "storage", class, key, location, count[, view]
  tensor,   // items: storage, offset, sizes, strides, of these kinds: storage, integer, tuple, tuple
  other_tensor,  // one without elements of a storage; text: why ("sparse"), or its element type ("uint16")
  // Floats, bytes, sets, objects of any class (module, text: its name; empty where there is none): never
  // made, but what was put into them is there. items: key, value ..., as of a dict: entries, then attributes.
  inert,
};

enum class PickleGlobal : std::uint8_t {
  ordered_dict,
  rebuild_tensor,
  rebuild_parameter,
  rebuild_subclass,  // of another rebuild_...'s tensor
  rebuild_other,     // what it makes is PickleKind::other_tensor
  size,
  storage_class,
  inert_class,  // what it makes is PickleKind::inert
};

struct PickleObject {
  PickleKind kind = PickleKind::none;
  PickleGlobal global{};
  std::int64_t integer = 0;
  std::string_view text;    // views the bytes that were read
  std::string_view module;  // of a global, and of the class of what is inert
  std::vector<PickleId> items;
};

struct Pickle {
  std::deque<PickleObject> objects;  // which stay where they are while it grows
  PickleId root = 0;
  std::size_t size = 0;  // bytes read, the final STOP included

  const PickleObject& operator[](PickleId id) const { return objects[id]; }
  // The last value under a text key of a dict, or null.
  const PickleObject* find(const PickleObject& dict, std::string_view key) const;
};

// Reads one pickle from the start of `bytes`, which must outlive the result.
Result<Pickle> read_pickle(std::span<const std::byte> bytes);

}  // namespace graphrun::weights
