#include "tools/ranks/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

namespace graphrun::tools {
namespace {

constexpr int kSignalStatus = 128;

Status system_error(const char* what) {
  return {ErrorCode::io, std::string(what) + ": " + std::strerror(errno)};
}

std::optional<std::string> find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string file; std::getline(folders, file, ':');) {
    file.append("/").append(name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return std::nullopt;
}

Result<std::vector<std::string>> command_line(int ranks, std::span<char* const> arguments) {
  const std::optional<std::string> mpirun = find_program("mpirun");
  if (!mpirun) return {ErrorCode::not_found, "--ranks: there is no mpirun in PATH (Debian: openmpi-bin)"};
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {ErrorCode::io, "/proc/self/exe: " + error.message()};
  std::vector<std::string> words{*mpirun,           "-n",        std::to_string(ranks),
                                 "--oversubscribe", "--bind-to", "none"};
  if (geteuid() == 0) words.emplace_back("--allow-run-as-root");
  words.push_back(self.string());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string word = arguments[i];
    if (word == "--ranks") {
      ++i;
    } else if (!word.starts_with("--ranks=")) {
      words.push_back(word);
    }
  }
  return words;
}

// Filters what comes from mpirun and its ranks, line by line: takes mpirun's own reports of failed ranks
// away, and keeps which rank was killed. They lie between lines of dashes.
class Errors {
 public:
  void take(std::string_view text) {
    for (const char c : text) {
      line_ += c;
      if (c == '\n') end_line();
    }
  }
  void finish() {
    if (!line_.empty()) end_line();
    flush_report();
  }
  // "rank 1 on node7 was ended by signal 9 (Killed)"
  const std::string& killed() const { return killed_; }

 private:
  void end_line() {
    const std::string line = std::exchange(line_, {});
    const bool dashes = line.size() > 60 && line.find_first_not_of('-') == line.size() - 1;
    if (dashes && !in_report_) {
      in_report_ = true;
      report_ = line;
    } else if (dashes) {
      report_ += line;
      flush_report();
    } else if (in_report_) {
      report_ += line;
    } else if (!is_noise(line)) {
      print(line);
    }
  }
  void flush_report() {
    in_report_ = false;
    const std::string report = std::exchange(report_, {});
    // By mpirun, or by prterun, which Open MPI 5 has in its place.
    const std::string process = " noticed that process rank ";
    const std::size_t found = report.find(process);
    if (found != std::string::npos) {
      std::istringstream words(report.substr(found + process.size()));
      std::string rank;
      std::string host;
      std::string skipped;
      std::string rest;
      words >> rank >> skipped >> skipped >> skipped >> skipped >> skipped >> host >> skipped >> skipped;
      std::getline(words >> std::ws, rest, '.');
      killed_ = "rank " + rank + " on " + host + " was ended by " + rest;
      return;
    }
    for (const char* known : {"Primary job  terminated normally, but", "MPI_ABORT was invoked on rank",
                              " detected that one or more processes exited with non-zero status"}) {
      if (report.find(known) != std::string::npos) return;
    }
    print(report);
  }
  // mpirun says when it passes a signal on, and trips over the end of ranks. Those of one machine, which
  // share memory, need no network, of which Open MPI 5 says that they have none.
  static bool is_noise(const std::string& line) {
    return line.starts_with("mpirun: Forwarding signal") || line.starts_with("prterun: Forwarding signal") ||
           line.find("] ORTE_ERROR_LOG: ") != std::string::npos ||
           line.find("Unable to find reachable pairing between local and remote interfaces") !=
               std::string::npos;
  }
  static void print(const std::string& text) { std::fputs(text.c_str(), stderr); }

  std::string line_;
  bool in_report_ = false;
  std::string report_;
  std::string killed_;
};

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) sigaddset(&set, number);
  return set;
}

// In the child, between fork and exec. A process group of its own keeps the terminal's Ctrl+C from it.
[[noreturn]] void become(std::vector<char*>& words, int errors, pid_t parent, const sigset_t& signals) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(errors, STDERR_FILENO);
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  for (const int ignored : {SIGPIPE, SIGXFSZ}) std::signal(ignored, SIG_DFL);
  execv(words.front(), words.data());
  _exit(127);
}

// Until the child has closed its end of `errors`: passes its messages and this process's signals on. The
// first signal that came, or 0.
int watch(pid_t child, int errors, int signals, Errors& messages) {
  int first = 0;
  std::array<pollfd, 2> sources{pollfd{errors, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
  for (;;) {
    if (poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) return first;
    if ((sources[1].revents & POLLIN) != 0) {
      signalfd_siginfo info{};
      if (read(signals, &info, sizeof(info)) == sizeof(info)) {
        kill(child, first == 0 ? SIGUSR1 : SIGTERM);
        if (first == 0) first = info.ssi_signo == SIGINT ? SIGINT : SIGTERM;
      }
    }
    if (sources[0].revents == 0) continue;
    std::array<char, 4096> bytes{};
    const ssize_t count = read(errors, bytes.data(), bytes.size());
    if (count == 0 || (count < 0 && errno != EINTR)) return first;
    if (count > 0) messages.take({bytes.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace

Result<int> launch_ranks(int ranks, std::span<char* const> arguments) {
  GRAPHRUN_ASSIGN(std::vector<std::string> words, command_line(ranks, arguments));
  std::vector<char*> raw;
  raw.reserve(words.size() + 1);
  for (std::string& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  std::array<int, 2> errors{};
  if (pipe2(errors.data(), O_CLOEXEC) != 0) return system_error("pipe");
  const sigset_t stop = stop_signals();
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  const int signals = signalfd(-1, &stop, SFD_CLOEXEC);
  if (signals < 0) return system_error("signalfd");
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) become(raw, errors[1], self, stop);
  close(errors[1]);
  Errors messages;
  const int stopped_by = watch(child, errors[0], signals, messages);
  messages.finish();
  close(errors[0]);
  close(signals);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalStatus + WTERMSIG(status);
  if (stopped_by != 0 && exit_status > kSignalStatus) return kSignalStatus + stopped_by;
  if (!messages.killed().empty()) return {ErrorCode::io, messages.killed()};
  return exit_status;
}

}  // namespace graphrun::tools
