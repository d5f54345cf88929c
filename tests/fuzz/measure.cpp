#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// In the place of the fuzzer: reads each of the files that are its arguments once, in a process of its own,
// and prints processor seconds, megabytes above those of an empty input, and the file. What fails is named.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

struct Cost {
  double seconds = 0;
  double megabytes = 0;
  bool failed = false;
};

Cost cost_of(const std::vector<std::uint8_t>& input) {
  const pid_t child = ::fork();
  if (child == 0) {
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ::_exit(0);
  }
  int status = 0;
  rusage used{};
  if (child < 0 || ::wait4(child, &status, 0, &used) != child) return {0, 0, true};
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {seconds(used.ru_utime) + seconds(used.ru_stime), static_cast<double>(used.ru_maxrss) / 1024,
          !WIFEXITED(status) || WEXITSTATUS(status) != 0};
}

}  // namespace

int main(int count, char** arguments) {
  LLVMFuzzerTestOneInput(nullptr, 0);  // what is made once
  bool failed = false;
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const std::vector<std::uint8_t> input{std::istreambuf_iterator<char>(file), {}};
    const Cost empty = cost_of({});
    const Cost cost = cost_of(input);
    std::printf("%.3f %.1f %zu %s%s\n", cost.seconds, cost.megabytes - empty.megabytes, input.size(),
                arguments[i], cost.failed ? " FAILED" : "");
    failed = failed || cost.failed;
  }
  return failed ? 1 : 0;
}
