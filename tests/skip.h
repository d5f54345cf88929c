#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

// How a case says that it cannot do its work here: it calls skip() and returns. A run in which a case was
// skipped ends with status 77, so that CTest shows it as skipped and not as passed. Cases that may be skipped
// bear a label, and CTest runs those of a label as a test of their own (graphrun_test(... GROUPS label)):
//   BOOST_AUTO_TEST_CASE(camvid_can_be_read, *needs("camvid"))
namespace graphrun::test {

// Prints the case's name and the reason. May be called by one thread at a time.
void skip(const std::string& reason);

// "bf16": instructions of the CPU. "no_bf16": a CPU without. "host": the CPU as device; "gpu": a GPU. Else a
// data set.
inline auto needs(const char* label) { return boost::unit_test::label(label); }

}  // namespace graphrun::test
