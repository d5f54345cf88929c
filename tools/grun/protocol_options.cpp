#include "tools/grun/protocol_options.h"

#include "tools/terminal/command_line.h"

namespace graphrun::tools {

void ProtocolOptions::add_choice_to(CLI::App& command) {
  command
      .add_option(
          "--protocol", protocol,
          "slide: overlapping crops of test_h x test_w; whole: the image in one pass; if not given, the "
          "model's")
      ->check(CLI::IsMember({"slide", "whole"}));
  CLI::Option* list = command.add_option("--scales", scales, "e.g. 0.5,1.0; the setting scales if not given")
                          ->delimiter(',')
                          ->allow_extra_args(false)
                          ->check(CLI::Range(1e-3, 100.0));
  command.add_flag("--ms", multi_scale, "scales 0.5, 0.75, 1.0, 1.25, 1.5, 1.75")->excludes(list);
  CLI::Option* never = command.add_flag("--no-flip", no_flip, "no mirrored views");
  command.add_flag("--flip", flip, "mirrored views too, where the model's own protocol has none")
      ->excludes(never);
}

void ProtocolOptions::add_to(CLI::App& command) {
  add_choice_to(command);
  command
      .add_option(
          "--batch", batch,
          "crops that go through the network at once, with their mirror images; if not given, 1 on the "
          "CPU and all of an image on a GPU, if they fit")
      ->check(CLI::Range(1, 1024));
  command.add_option("--sessions", sessions, "image sizes for which the network stays bound")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  add_bytes(command, "--memory-limit", memory_limit,
            "refuse to start where more is planned, e.g. 8GB; what the device has available if not given");
}

}  // namespace graphrun::tools
