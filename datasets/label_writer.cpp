#include "datasets/label_writer.h"

#include <cstring>
#include <string>

#include "datasets/codecs_library.h"
#include "datasets/png_row_writer.h"
#include "datasets/rows.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/guard.h"
#include "runtime/imaging/image.h"

namespace graphrun::datasets {
namespace {

class FileSink final : public ByteSink {
 public:
  explicit FileSink(core::AtomicFile file) : file_(std::move(file)) {}
  bool write(std::uint64_t at, const void* bytes, std::size_t count) override {
    if (status_.ok()) status_ = file_.write_at(at, {static_cast<const std::byte*>(bytes), count});
    return status_.ok();
  }
  // What the system said, which writers only know to have failed.
  const Status& status() const { return status_; }
  Status commit() { return file_.commit(); }

 private:
  core::AtomicFile file_;
  Status status_;
};

}  // namespace

struct LabelWriter::State {
  std::string path;
  IdPicture form;
  FileSink sink;
  std::unique_ptr<ByteSource> like;
  std::unique_ptr<RowWriter> rows;
  std::vector<std::byte> bytes;

  Status failed(const std::string& reason) const {
    if (!sink.status().ok()) return sink.status();
    return {ErrorCode::io, path + ": " + reason};
  }
};

LabelWriter::LabelWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
LabelWriter::~LabelWriter() = default;

Result<std::unique_ptr<LabelWriter>> LabelWriter::create(const std::filesystem::path& path,
                                                         const IdPicture& form,
                                                         const std::filesystem::path* like) try {
  GRAPHRUN_ASSIGN(core::AtomicFile file, core::AtomicFile::create(path.string()));
  std::unique_ptr<State> state(new State{path.string(), form, FileSink(std::move(file)), {}, {}, {}});
  if (path.extension() == ".tif") {
    GRAPHRUN_ASSIGN(void* const function, codecs_function(kTiffWriterFunction));
    if (like != nullptr) {
      GRAPHRUN_ASSIGN(state->like, open_source(*like));
    }
    std::string reason;
    state->rows.reset(reinterpret_cast<CreateTiff>(function)(state->sink, form, state->like.get(), reason));
    if (state->rows == nullptr) return state->failed(reason);
  } else {
    GRAPHRUN_ASSIGN(state->rows, create_png(state->sink, form));
  }
  return std::unique_ptr<LabelWriter>(new LabelWriter(std::move(state)));
} catch (...) {
  return core::caught();
}

Status LabelWriter::write(std::span<const ClassId> ids) try {
  State& s = *state_;
  const auto rows = static_cast<std::int64_t>(ids.size()) / s.form.width;
  if (s.form.wide) {
    s.bytes.resize(ids.size_bytes());
    std::memcpy(s.bytes.data(), ids.data(), ids.size_bytes());
  } else {
    s.bytes.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] > imaging::kByteIgnored)
        return {ErrorCode::invalid_argument,
                s.path + ": 8 bits do not hold the id " + std::to_string(ids[i])};
      s.bytes[i] = static_cast<std::byte>(ids[i]);
    }
  }
  std::string reason;
  return s.rows->write(rows, s.bytes.data(), reason) ? Status() : s.failed(reason);
} catch (...) {
  return core::caught();
}

Status LabelWriter::commit() try {
  std::string reason;
  if (!state_->rows->finish(reason)) return state_->failed(reason);
  state_->rows.reset();  // which may have something to write
  if (!state_->sink.status().ok()) return state_->sink.status();
  return state_->sink.commit();
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
