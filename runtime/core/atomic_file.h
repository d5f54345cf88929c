#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "graphrun/status.h"
#include "runtime/core/file_descriptor.h"

namespace graphrun::core {

// When a new file has to outlast a loss of power: at once, or once sync_file_system() has returned. That
// costs one wait for the disk instead of two a file; until then a loss of power may leave the new name empty.
enum class Sync { now, later };

// A file that appears whole or not at all: bytes go to a temporary file in the same folder, commit() makes
// them durable and renames. Without commit(), and after any error but one, the temporary is removed and what
// stood at `path` stays; the one is a folder that cannot be synced after the rename, and says that the new
// file is there. Every error is io or not_found and names the path. Unbuffered: write in large pieces.
class AtomicFile {
 public:
  // Who may read the file: whoever the process's umask lets, or its user alone.
  enum class Access { shared, own };
  // Refuses a `path` that exists and is not a regular file: a rename would replace a device or a pipe.
  // `ending`: of the temporary's name, for a library that knows formats by names (".mp4").
  static Result<AtomicFile> create(const std::string& path, Access access = Access::shared,
                                   const std::string& ending = {});

  AtomicFile(AtomicFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::move(other.fd_)) {}
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  // Over what is there, or behind it; where write() goes on is left alone.
  Status write_at(std::uint64_t at, std::span<const std::byte> bytes);
  // For a library that takes a path and writes over what is there.
  const std::string& temporary() const { return temporary_; }
  // The last call; nothing can be written after it.
  Status commit(Sync sync = Sync::now);

 private:
  Status rename();
  AtomicFile(std::string path, std::string temporary, FileDescriptor fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
  std::string path_;
  std::string temporary_;  // empty once renamed
  FileDescriptor fd_;
};

// Makes all that was written with Sync::later on the file system of this folder durable.
Status sync_file_system(const std::string& folder);

// Makes the folder and those around it that are missing, each durable before the next.
Status make_folders(const std::string& path);

// Makes one folder in a folder that exists, durably. False: there is something of this name.
Result<bool> make_new_folder(const std::string& path);

// Removes what AtomicFiles of processes that are no more have left in the folder. The caller holds whatever
// keeps processes of other machines out of it.
void remove_stale_temporaries(const std::string& folder);

}  // namespace graphrun::core
