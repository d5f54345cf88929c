#include <functional>
#include <span>
#include <vector>

#include "runtime/core/crc32c.h"
#include "runtime/weights/bundle.h"
#include "tests/weights/files.h"

using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::size_t kHeader = 64, kEntry = 64, kPage = 4096;

weights::PartSource part(const std::string& name, const std::string& bytes, bool required = true,
                         std::uint32_t version = 1) {
  return {name, version, required,
          [bytes](const weights::ByteSink& sink) { return sink(std::as_bytes(std::span(bytes))); }};
}

const std::vector<weights::KnownPart> kKnown{{"graph", 2}, {"numbers", 1}, {"empty", 1}};

Result<weights::Bundle> open(const std::string& path) {
  GRAPHRUN_ASSIGN(auto file, core::MappedFile::open(path));
  return weights::Bundle::open(std::move(file), kKnown);
}

std::string text(const weights::Bundle& bundle, std::string_view name) {
  const auto* const bytes = bundle.find(name);
  return bytes == nullptr ? "(none)"
                          : std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

// A bundle of three parts, as bytes.
std::string sample(const Scratch& scratch) {
  const std::vector<weights::PartSource> parts{part("graph", "nodes"),
                                               part("numbers", std::string(5000, 'x')), part("empty", "")};
  ok(weights::write_bundle(scratch / "sample.grun", parts));
  return read(scratch / "sample.grun");
}

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// With the checksums of header and table that fit what is in it now.
std::string sealed(std::string bytes, std::size_t parts = 3) {
  const std::string_view table = std::string_view(bytes).substr(kHeader, parts * kEntry);
  put(bytes, 24, core::crc32c(table));
  put(bytes, 28, core::crc32c(std::string_view(bytes).substr(0, 28)));
  return bytes;
}

void refuse(const Scratch& scratch, const std::string& bytes, const std::string& message,
            ErrorCode code = ErrorCode::invalid_file) {
  write(scratch / "bad.grun", bytes);
  const auto opened = open(scratch / "bad.grun");
  BOOST_TEST_REQUIRE(!opened.ok(), message);
  BOOST_TEST((opened.status().code() == code), opened.status().message());
  BOOST_TEST(opened.status().message().find(message) != std::string::npos, opened.status().message());
}

}  // namespace

BOOST_AUTO_TEST_CASE(parts_come_back_and_lie_where_pages_begin) {
  const Scratch scratch;
  sample(scratch);
  const weights::Bundle bundle = ok(open(scratch / "sample.grun"));
  BOOST_TEST(text(bundle, "graph") == "nodes");
  BOOST_TEST(text(bundle, "numbers") == std::string(5000, 'x'));
  BOOST_TEST(text(bundle, "empty") == "");
  BOOST_TEST(text(bundle, "other") == "(none)");
  const std::byte* const begin = bundle.file()->bytes().data();
  for (const char* name : {"graph", "numbers"}) {
    BOOST_TEST_CONTEXT(name)
    BOOST_TEST(static_cast<std::size_t>(bundle.find(name)->data() - begin) % kPage == 0u);
  }
}

BOOST_AUTO_TEST_CASE(a_bundle_cut_anywhere_is_refused) {
  const Scratch scratch;
  const std::string whole = sample(scratch);
  std::vector<std::size_t> cuts{0, 1, 7, 8, kHeader - 1, kHeader, kHeader + kEntry, kHeader + 3 * kEntry};
  for (std::size_t page = kPage; page <= whole.size(); page += kPage)
    cuts.insert(cuts.end(), {page - 1, page, page + 1, page + 5});
  for (const std::size_t cut : cuts) {
    if (cut >= whole.size()) continue;
    write(scratch / "cut.grun", whole.substr(0, cut));
    BOOST_TEST(!open(scratch / "cut.grun").ok(), "cut to " << cut << " bytes");
  }
  write(scratch / "long.grun", whole + '\0');
  BOOST_TEST(!open(scratch / "long.grun").ok());
}

BOOST_AUTO_TEST_CASE(a_changed_byte_anywhere_is_found) {
  const Scratch scratch;
  const std::string whole = sample(scratch);
  for (std::size_t at = 0; at < whole.size(); at += at < kHeader + 3 * kEntry ? 1 : 61) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    write(scratch / "changed.grun", changed);
    BOOST_TEST(!open(scratch / "changed.grun").ok(), "byte " << at);
  }
}

BOOST_AUTO_TEST_CASE(parts_that_nobody_knows_are_passed_over_unless_they_are_required) {
  const Scratch scratch;
  const std::string path = scratch / "a.grun";
  const auto write_parts = [&](const std::vector<weights::PartSource>& parts) {
    ok(weights::write_bundle(path, parts));
  };
  write_parts({part("graph", "nodes"), part("later", "something", false)});
  const weights::Bundle bundle = ok(open(path));
  BOOST_TEST((text(bundle, "graph") == "nodes" && bundle.find("later") == nullptr));
  const auto refused = [&](const std::string& message) {
    const auto opened = open(path);
    BOOST_TEST_REQUIRE(!opened.ok());
    BOOST_TEST((opened.status().code() == ErrorCode::unsupported));
    BOOST_TEST(opened.status().message().find(message) != std::string::npos, opened.status().message());
  };
  write_parts({part("graph", "nodes"), part("later", "something")});
  refused("'later'");
  write_parts({part("graph", "nodes", true, 3)});
  refused("version 3");
  write_parts({part("graph", "nodes", false, 3)});
  BOOST_TEST(ok(open(path)).find("graph") == nullptr);
  write_parts({part("graph", "nodes", true, 2)});
  BOOST_TEST(text(ok(open(path)), "graph") == "nodes");
}

BOOST_AUTO_TEST_CASE(hostile_tables_are_refused) {
  const Scratch scratch;
  const std::string whole = sample(scratch);
  const std::size_t second = kHeader + kEntry;
  const auto changed = [&](const std::function<void(std::string&)>& change) {
    std::string bytes = whole;
    change(bytes);
    return sealed(bytes);
  };
  BOOST_TEST(sealed(whole) == whole);
  // Parts that overlap, lie out of order or behind the file, or leave gaps.
  refuse(scratch, changed([&](auto& b) { put(b, second + 40, std::uint64_t{kPage}); }), "does not begin");
  refuse(scratch, changed([&](auto& b) { put(b, second + 40, std::uint64_t{4 * kPage}); }), "does not begin");
  refuse(scratch, changed([&](auto& b) { put(b, second + 40, ~std::uint64_t{0} - 4095); }), "does not begin");
  refuse(scratch, changed([&](auto& b) { put(b, second + 48, ~std::uint64_t{0}); }), "does not begin");
  refuse(scratch, changed([&](auto& b) { put(b, second + 48, std::uint64_t{1} << 62); }), "behind the file");
  // Names that are none, or twice; marks of later versions; a count that the file does not hold.
  refuse(scratch, changed([&](auto& b) { b[kHeader] = '/'; }), "name");
  refuse(scratch, changed([&](auto& b) { b[kHeader + 31] = 'a'; }), "name");
  refuse(scratch, changed([&](auto& b) { b.replace(second, kEntry, whole, kHeader, kEntry); }), "name");
  refuse(scratch, changed([&](auto& b) { put(b, kHeader + 36, std::uint32_t{3}); }), "marks");
  refuse(scratch, changed([&](auto& b) { put(b, 12, std::uint32_t{1000}); }), "1000 parts");
  refuse(scratch, changed([&](auto& b) { put(b, 12, std::uint32_t{2}); }), "table's checksum");
  refuse(scratch, changed([&](auto& b) { put(b, 8, std::uint32_t{2}); }), "version 2",
         ErrorCode::unsupported);
  refuse(scratch, changed([&](auto& b) { b[kHeader + 3 * kEntry + 5] = 'x'; }), "between");
  std::string fewer = whole;
  put(fewer, 12, std::uint32_t{2});
  refuse(scratch, sealed(fewer, 2), "between");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_not_written) {
  const Scratch scratch;
  const std::string path = scratch / "a.grun";
  const auto fails = [&](const std::vector<weights::PartSource>& parts) {
    BOOST_TEST(!weights::write_bundle(path, parts).ok());
    BOOST_TEST(scratch.files() == 0u);
  };
  fails({part("Upper", "")});
  fails({part("", "")});
  fails({part(std::string(32, 'a'), "")});
  fails({part("a", ""), part("a", "")});
  fails(std::vector<weights::PartSource>(65, part("a", "")));
  fails({{"a", 1, true, [](const weights::ByteSink&) { return Status(ErrorCode::io, "no"); }}});
}
