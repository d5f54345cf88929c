#!/usr/bin/env python3
"""How long an inference or a training step takes in company: other processes on the same processors.

Each situation is measured in turn with the same process alone, for as many rounds as are asked for; shown are the median seconds
of each and the median of the ratios to the process alone, and the slowest single run.

    tools/bench/company.py --bin build/release/bin --net spnet50 --precision f32
    tools/bench/company.py --bin build/release/bin --preload libgomp.so.1     # another OpenMP runtime

A quota of processor time wants control groups that this user may write to (as root on most machines); where that is not so, the
row is left out and the reason is printed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUP = pathlib.Path("/sys/fs/cgroup/graphrun-company")
BARS = {"two at once": 2.4, "three at once": 3.8, "beside a busy loop": 2.2, "beside a niced busy loop": 1.3, "quota of 150 %": 1.6}


class Failed(Exception):
    """A situation could not be measured; the text says why."""


class Program:
    def __init__(self, args):
        self.args = args
        self.environment = dict(os.environ, GRAPHRUN_HOME=str(ROOT))
        self.environment.pop("OMP_WAIT_POLICY", None)  # users have not set it
        if args.preload:
            self.environment["LD_PRELOAD"] = args.preload
        work = pathlib.Path(args.work)
        work.mkdir(parents=True, exist_ok=True)
        self.model = work / (args.net + ".fb")
        subprocess.run(
            [pathlib.Path(args.bin) / "graphc", ROOT / "graphs" / (args.net + ".json"), "-o", self.model],
            check=True, stdout=subprocess.DEVNULL,
        )

    def start(self, group=None):
        command = [
            pathlib.Path(self.args.bin) / "grun", "bench", self.model, "--mode", self.args.mode, "--json", "--iters", self.args.iters,
            "--shape", self.args.shape, "--threads", self.args.threads, "--precision", self.args.precision,
        ]
        def join():
            (group / "cgroup.procs").write_text(str(os.getpid()))
        return subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
            preexec_fn=join if group else None,
        )

    @staticmethod
    def seconds(process):
        text, error = process.communicate()
        if process.returncode != 0:
            raise Failed(error.strip()[-200:])
        return json.loads(text.strip().splitlines()[-1])["median_s"]

    def measure(self, count=1, group=None):
        """The slowest of so many processes at once."""
        processes = [self.start(group) for _ in range(count)]
        return max([self.seconds(process) for process in processes])


@contextlib.contextmanager
def busy_loop(niceness):
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.nice(niceness))
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


@contextlib.contextmanager
def quota(percent):
    try:
        GROUP.mkdir()
        (GROUP / "cpu.max").write_text("%d 100000" % (percent * 1000))
    except OSError as error:
        raise Failed("no control group of one's own: %s" % error) from error
    try:
        yield GROUP
    finally:
        GROUP.rmdir()


def in_company(program, situation):
    if situation == "two at once":
        return program.measure(2)
    if situation == "three at once":
        return program.measure(3)
    if situation == "quota of 150 %":
        with quota(150) as group:
            return program.measure(group=group)
    with busy_loop(19 if "niced" in situation else 0):
        return program.measure()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"), help="folder of graphc and grun")
    parser.add_argument("--net", default="spnet50")
    parser.add_argument("--mode", default="infer", choices=["infer", "train"])
    parser.add_argument("--shape", default="1,3,241,241")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--iters", default="8", help="timed runs of a process")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", help="comma-separated: " + ", ".join(BARS))
    parser.add_argument("--preload", help="a library that grun is started with")
    parser.add_argument("--work", default="/tmp/graphrun-company", help="folder of the model")
    args = parser.parse_args()
    program = Program(args)
    for situation in args.rows.split(",") if args.rows else BARS:
        alone, company = [], []
        try:
            for _ in range(args.rounds):
                alone.append(program.measure())
                company.append(in_company(program, situation))
        except Failed as error:
            print("| %s | not measured: %s |" % (situation, error), flush=True)
            continue
        print("| %s | %.4f s | %.4f s | %.2f | %.2f | %.1f |" % (
            situation, statistics.median(alone), statistics.median(company),
            statistics.median(c / a for a, c in zip(alone, company)), max(company) / statistics.median(company), BARS[situation],
        ), flush=True)


if __name__ == "__main__":
    main()
