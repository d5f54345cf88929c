#!/usr/bin/env python3
"""Runs the tests of a build as another CPU would: each test program under an emulator.

    tools/test_emulated.py --emulator "qemu-x86_64 -cpu Nehalem" --build build/cpu --match "test_op_|test_session$"

The emulators are Debian's qemu-user. What a test starts as a process of its own runs where it always does, so tests of
command lines say nothing here; tests that are scripts, and those of GPUs, are left out. Emulation is slow: each test has TIMES
the time that it has elsewhere.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time

TIMES = 20
SKIPPED = 77


def tests_of(build, pattern):
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=True)
    for test in json.loads(listed.stdout)["tests"]:
        command = test.get("command", [""])
        with_program = os.path.isfile(command[0]) and open(command[0], "rb").read(4) == b"\x7fELF"
        if re.search(pattern, test["name"]) and "_cuda" not in test["name"] and with_program:
            properties = {one["name"]: one["value"] for one in test.get("properties", [])}
            yield test["name"], command, properties


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emulator", required=True, help="command that a program and its arguments are appended to")
    parser.add_argument("--build", default="build/cpu", help="folder of the build")
    parser.add_argument("--match", default=".", help="regular expression of names of tests")
    args = parser.parse_args()
    failed = []
    for name, command, properties in tests_of(args.build, args.match):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        environment.update(one.split("=", 1) for one in properties.get("ENVIRONMENT", []))
        begin = time.monotonic()
        try:
            done = subprocess.run(shlex.split(args.emulator) + command, cwd=properties["WORKING_DIRECTORY"], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=TIMES * float(properties.get("TIMEOUT", 60)))
            status, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as expired:
            status, output = "timed out", (expired.stdout or b"").decode(errors="replace")
        result = {0: "passed", SKIPPED: "skipped"}.get(status, "failed (%s)" % status)
        print("%-36s %-12s %7.1f s" % (name, result, time.monotonic() - begin), flush=True)
        if result.startswith("failed"):
            failed.append(name)
            print(output[-2000:], flush=True)
    print("failed: %s" % " ".join(failed) if failed else "all passed or skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
