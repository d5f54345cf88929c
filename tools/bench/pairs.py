#!/usr/bin/env python3
"""Compares two builds of graphrun, pair by pair: what a change costs.

Every measurement is a process of its own, and each pair runs both builds one after the other, the first of a pair in turn. A
row is the median of the ratios (second build / first build) and the interval that holds the true median with 95 % certainty, by
the ranks of the sorted ratios (binomial, so that nothing is assumed of their distribution).

    tools/bench/pairs.py --before OLD/build/cpu/bin --after build/cpu/bin --pairs 30

Each build takes the graphs and data sets of its own checkout: the folder that the build folder lies in.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import rows

SPNET = {"net": "spnet50", "mode": "infer", "batch": 1, "size": 241}
TINY = "spnet_tiny"
PSPNET = {"net": "pspnet50", "mode": "infer", "batch": 1, "size": 241}
PAIRS_OF_A_FILE = 5


class Failed(Exception):
    """A build could not be measured; the text says why."""


class Build:
    """One build, and what it is asked to do."""

    def __init__(self, bin_folder, work, args):
        self.bin = pathlib.Path(bin_folder).resolve()
        self.home = self.bin.parents[2]
        self.work = work
        self.args = args
        self.work.mkdir(parents=True, exist_ok=True)
        self.environment = dict(os.environ, GRAPHRUN_HOME=str(self.home))
        self.environment.pop("OMP_WAIT_POLICY", None)  # users have not set it
        self.environment["XDG_CACHE_HOME"] = str(self.work / "cache")

    def run(self, command):
        command = [str(word) for word in command]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        if done.returncode != 0:
            raise Failed("%s: %s" % (" ".join(command), done.stderr.strip()[-400:]))
        return done

    def forget(self):
        """The weights that processes kept for later ones."""
        shutil.rmtree(self.work / "cache", ignore_errors=True)

    def grun(self):
        return self.bin / "grun"

    def model(self, net):
        path = self.work / (net + ".fb")
        if not path.exists():
            classes = ["-D", "classes=7"] if net == TINY else []  # as many as the data set of the evaluation has
            self.run([self.bin / "graphc", self.home / "graphs" / (net + ".json"), "-o", path, *classes])
        return path

    def bench(self, case):
        done = self.run([
            self.grun(), "bench", self.model(case["net"]), "--mode", case["mode"], "--json", "--iters", self.args.iters,
            "--shape", "%d,3,%d,%d" % (case["batch"], case["size"], case["size"]), "--threads", self.args.threads,
            "--precision", self.args.precision,
        ])
        return json.loads(done.stdout.strip().splitlines()[-1])["median_s"]

    def timed(self, command):
        begin = time.perf_counter()
        self.run(command)
        return time.perf_counter() - begin

    def evaluate(self, weights):
        out = self.work / "eval"
        shutil.rmtree(out, ignore_errors=True)
        return self.timed([
            self.grun(), "eval", self.model(TINY), "--dataset", "shapes", "--weights", weights, "-o", out,
            "--threads", self.args.threads, "--precision", self.args.precision, "-q",
        ])

    def cold(self, weights, picture):
        out = self.work / "predicted"
        shutil.rmtree(out, ignore_errors=True)
        return self.timed([
            self.grun(), "predict", self.model("spnet50"), picture, "--weights", weights, "--dataset", "ade20k",
            "--protocol", "whole", "--no-flip", "--set", "base_size=0", "-o", out, "--threads", self.args.threads,
            "--precision", self.args.precision, "-q",
        ])


def interval(values):
    """The ranks of the sorted values between which the true median lies with at least 95 %."""
    values, n = sorted(values), len(values)
    outside, k = 0.0, 0
    while k < n // 2 and outside + math.comb(n, k) / 2**n <= 0.025:
        outside += math.comb(n, k) / 2**n
        k += 1
    k = max(k - 1, 0)
    return values[k], values[n - 1 - k]


def jobs(before, args):
    """{row: function of a build}."""
    class Bench:  # what rows.py asks of its caller
        work = pathlib.Path(args.work)
        run = staticmethod(before.run)
        grun = staticmethod(before.grun)
        model = staticmethod(before.model)

    def wanted(name):
        return not args.rows or name in args.rows.split(",")

    found = {
        "inference SPNet-50": lambda b: b.bench(SPNET),
        "inference PSPNet-50": lambda b: b.bench(PSPNET),
        "training step SPNet-50": lambda b: b.bench(dict(SPNET, mode="train", batch=2, size=121)),
        "training step PSPNet-50": lambda b: b.bench(dict(PSPNET, mode="train", batch=2, size=121)),
    }
    if wanted("evaluation"):
        tiny = rows.weights(Bench, TINY, Failed)
        found["evaluation"] = lambda b: b.evaluate(tiny)
    if wanted("cold start"):
        spnet, picture = rows.weights(Bench, "spnet50", Failed), rows.pictures(Bench, 97, 1)[0]
        found["cold start"] = lambda b: b.cold(spnet, picture)
    return {name: job for name, job in found.items() if wanted(name)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="folder of graphc and grun of the first build")
    parser.add_argument("--after", required=True, help="of the second")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--iters", type=int, default=3, help="timed runs of a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--rows", help="comma-separated names of rows")
    parser.add_argument("--work", default="/tmp/graphrun-pairs", help="folder of models, weights and outputs")
    args = parser.parse_args()
    work = pathlib.Path(args.work)
    builds = [Build(args.before, work / "before", args), Build(args.after, work / "after", args)]
    for name, job in jobs(builds[0], args).items():
        ratios, seconds = [], ([], [])
        for pair in range(args.pairs):
            # In which pages a kept file lies is drawn when it is written, and moves a cold start by several hundredths.
            if pair % PAIRS_OF_A_FILE == 0:
                for build in builds:
                    build.forget()
                    job(build)  # its files are in memory and its packed weights are kept then
            for i in ((0, 1), (1, 0))[pair % 2]:
                seconds[i].append(job(builds[i]))
            ratios.append(seconds[1][-1] / seconds[0][-1])
        low, high = interval(ratios)
        print("| %s, %s | %.4f s | %.4f s | %.3f | %.3f to %.3f |" % (
            name, args.precision, statistics.median(seconds[0]), statistics.median(seconds[1]), statistics.median(ratios), low, high,
        ), flush=True)


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(str(error))
