#!/usr/bin/env python3
"""How long an inference or a training step takes in company: other processes on the same processors.

Each situation is measured in turn with the same process alone, for as many rounds as are asked for; shown are the median seconds
of each, the median of the ratios to the process alone, the longest single run by the median in company, and the bar of the ratio.

    tools/bench/company.py --bin build/release/bin --net spnet50 --precision f32
    tools/bench/company.py --bin build/release/bin --preload libgomp.so.1     # another OpenMP runtime
    tools/bench/company.py --bin build/release/bin --net deeplabv3_resnet50 --programs graphrun,torch,ort,openvino --python PYTHON

Other programs than graphrun are measured as bench_network.py of tests/oracle runs them, of networks that it has. A quota of
processor time wants control groups that this user may write to (as root on most machines); where that is not so, the row is left
out and the reason is printed.
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
GROUPS = [  # of version 2 and of version 1 of control groups: the folder, and what to write for so many percent of a processor
    (pathlib.Path("/sys/fs/cgroup/graphrun-company"), "cpu.max", "%d 100000"),
    (pathlib.Path("/sys/fs/cgroup/cpu/graphrun-company"), "cpu.cfs_quota_us", "%d"),
]
BARS = {"two at once": 2.4, "three at once": 3.8, "beside a busy loop": 2.2, "beside a niced busy loop": 1.3, "quota of 150 %": 1.6}


class Failed(Exception):
    """A situation could not be measured; the text says why."""


class Program:
    def __init__(self, name, args):
        self.name = name
        self.args = args
        self.environment = dict(os.environ, GRAPHRUN_HOME=str(ROOT), PYTHONPATH=str(ROOT / "tests/oracle"))
        self.environment.pop("OMP_WAIT_POLICY", None)  # users have not set it
        if args.preload and name == "graphrun":
            self.environment["LD_PRELOAD"] = args.preload
        work = pathlib.Path(args.work)
        work.mkdir(parents=True, exist_ok=True)
        self.command = self.graphrun(work) if name == "graphrun" else self.peer(work)

    def graphrun(self, work):
        args, model = self.args, work / (self.args.net + ".fb")
        self.prepare([pathlib.Path(args.bin) / "graphc", ROOT / "graphs" / (args.net + ".json"), "-o", model])
        return [
            pathlib.Path(args.bin) / "grun", "bench", model, "--mode", args.mode, "--json", "--iters", args.iters, "--shape", args.shape,
            "--threads", args.threads, "--precision", args.precision,
        ]

    def peer(self, work):
        args = self.args
        if args.mode != "infer":
            raise Failed("only inference is measured")
        size = args.shape.split(",")
        script = [args.python, ROOT / "tests/oracle/bench_network.py"]
        what = ["--net", args.net, "--height", size[2], "--width", size[3], "--threads", args.threads, "--precision", args.precision]
        if self.name != "torch":
            onnx = work / ("%s_%s_%s.onnx" % (args.net, size[2], size[3]))
            what += ["--onnx", onnx]
            if not onnx.exists():
                self.prepare([*script, "export", *what])
        return [*script, self.name, *what, "--iters", args.iters]

    def prepare(self, command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            raise Failed(done.stderr.strip()[-200:])

    def start(self, group=None):
        def join():
            (group / "cgroup.procs").write_text(str(os.getpid()))
        return subprocess.Popen(
            [str(word) for word in self.command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
            preexec_fn=join if group else None,
        )

    @staticmethod
    def result(process):
        text, error = process.communicate()
        if process.returncode != 0:
            raise Failed(error.strip()[-200:])
        return json.loads(text.strip().splitlines()[-1])

    def measure(self, count=1, group=None):
        """Of so many processes at once, the one whose median is the longest: that, and its longest single run."""
        processes = [self.start(group) for _ in range(count)]
        results = [self.result(process) for process in processes]
        return max((result["median_s"], result["max_s"]) for result in results)


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
    reason = "no such controller"
    for group, file, text in GROUPS:
        if not (group.parent / "cgroup.procs").exists():
            continue
        try:
            group.mkdir(exist_ok=True)
            (group / file).write_text(text % (percent * 1000))
        except OSError as error:
            reason = error
            continue
        try:
            yield group
        finally:
            group.rmdir()
        return
    raise Failed("no control group of one's own: %s" % reason)


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


def row(name, situation, args):
    alone, company = [], []
    try:
        program = Program(name, args)
        for _ in range(args.rounds):
            alone.append(program.measure())
            company.append(in_company(program, situation))
    except Failed as error:
        return "| %s | %s | not measured: %s |" % (situation, name, error)
    medians = [statistics.median(median for median, _ in found) for found in (alone, company)]
    return "| %s | %s | %.4f s | %.4f s | %.2f | %.2f | %.1f |" % (
        situation, name, *medians, statistics.median(c / a for (a, _), (c, _) in zip(alone, company)),
        max(longest for _, longest in company) / medians[1], BARS[situation],
    )


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
    parser.add_argument("--programs", default="graphrun", help="comma-separated: graphrun, torch, ort, openvino; in turn")
    parser.add_argument("--python", default=sys.executable, help="that has the peers")
    parser.add_argument("--preload", help="a library that grun is started with")
    parser.add_argument("--work", default="/tmp/graphrun-company", help="folder of the model")
    args = parser.parse_args()
    for situation in args.rows.split(",") if args.rows else BARS:
        for name in args.programs.split(","):
            print(row(name, situation, args), flush=True)


if __name__ == "__main__":
    main()
