#!/usr/bin/env python3
"""Times graphrun against PyTorch and ONNX Runtime on the CPU, in turn, and writes the table of doc/benchmarks.md.

Every measurement is a process of its own. A round runs each program once; ratios are those of single rounds, and medians of
them are shown. Rows are measured one after the other and kept in a JSON file: a run of some rows leaves the others as they are,
and --missing takes up a run that was stopped. A program that is not there is said to be absent.

    tools/bench/peers.py --bin build/release/bin --spnet SPNET --semseg SEMSEG --image PICTURE.jpg
    tools/bench/peers.py --bin build/release/bin --small

The Python that runs this needs nothing but its standard library; the peers are those of the same Python (--python: another).
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import rows
import table

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"), help="folder of graphc and grun")
    parser.add_argument("--conv-bench", help="the program conv_bench, for the row share; --bin if not given")
    parser.add_argument("--python", default=sys.executable, help="that has torch, onnx and onnxruntime")
    parser.add_argument("--spnet", help="checkout of Andrew-Qibin/SPNet")
    parser.add_argument("--semseg", help="checkout of hszhao/semseg")
    parser.add_argument("--image", help="a photograph, for the rows of grun eval and grun predict")
    parser.add_argument("--rows", help="comma-separated: " + ", ".join(rows.ROWS))
    parser.add_argument("--missing", action="store_true", help="only rows that the results do not have")
    parser.add_argument("--small", action="store_true", help="spnet_tiny by graphrun alone, in seconds; nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iters", type=int, default=3, help="timed runs of a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", default="/tmp/graphrun-bench", help="folder of models, exported networks and outputs")
    parser.add_argument("--results", default=str(ROOT / "doc/benchmarks.json"))
    parser.add_argument("--doc", default=str(ROOT / "doc/benchmarks.md"), help="has the table between its two markers")
    parser.add_argument("--timeout", type=float, default=900, help="seconds of one process")
    return parser.parse_args()


class Failed(Exception):
    """One program could not be measured; the text says why."""


class Bench:
    """Programs of this run and what they print."""

    def __init__(self, args):
        self.args = args
        self.work = pathlib.Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.environment = dict(os.environ, GRAPHRUN_HOME=str(ROOT), PYTHONPATH=str(ROOT / "tests/oracle"))
        self.environment.pop("OMP_WAIT_POLICY", None)  # users have not set it
        self.available = {}

    def run(self, command, timeout=None):
        command = [str(word) for word in command]
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
                timeout=timeout or self.args.timeout,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed("%s: %s" % (command[0], error)) from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["exit status %d" % done.returncode])[-1]
            raise Failed(last[:200])
        return done

    def json(self, command):
        lines = [line for line in self.run(command).stdout.splitlines() if line.startswith("{")]
        if not lines:
            raise Failed("%s printed no result" % command[0])
        return json.loads(lines[-1])

    def has(self, module):
        """The version of a Python module, or None."""
        if module not in self.available:
            try:
                code = "import %s as m; print(m.__version__)" % module
                self.available[module] = self.run([self.args.python, "-c", code]).stdout.strip()
            except Failed:
                self.available[module] = None
        return self.available[module]

    def grun(self):
        return pathlib.Path(self.args.bin) / "grun"

    def model(self, net):
        path = self.work / (net + ".fb")
        if not path.exists():
            self.run([pathlib.Path(self.args.bin) / "graphc", ROOT / "graphs" / (net + ".json"), "-o", path])
        return path

    def ours(self, case, threads=None, more=()):
        command = [
            self.grun(), "bench", self.model(case["net"]), "--mode", case["mode"], "--json",
            "--shape", "%d,3,%d,%d" % (case["batch"], case["size"], case["size"]),
            "--iters", self.args.iters, "--threads", threads or self.args.threads, "--precision", case["precision"],
        ]
        return self.json(command + list(more))

    def references(self):
        found = [v for name in ("spnet", "semseg") if getattr(self.args, name) for v in ("--" + name, getattr(self.args, name))]
        if not found:
            raise Failed("no checkout of the references was given")
        return found

    def torch_command(self, case):
        if self.has("torch") is None:
            raise Failed("PyTorch is absent")
        return [
            self.args.python, ROOT / "tests/oracle/bench_torch.py", *self.references(), "--net", case["net"],
            "--size", case["size"], "--batch", case["batch"], "--threads", self.args.threads,
        ]

    def torch(self, case):
        return self.json(self.torch_command(case) + [
            "--mode", case["mode"], "--precision", case["precision"], "--iters", self.args.iters
        ])

    def ort(self, case):
        if self.has("onnxruntime") is None:
            raise Failed("ONNX Runtime is absent")
        path = self.work / ("%s_%d_%d.onnx" % (case["net"], case["batch"], case["size"]))
        if not path.exists():
            partial = path.with_suffix(".partial")
            self.run(self.torch_command(case) + ["--mode", "export", "-o", partial])
            partial.rename(path)
        return self.json([
            self.args.python, ROOT / "tools/bench/ort_peer.py", path, "--threads", self.args.threads, "--iters", self.args.iters
        ])


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), flush=True)


def compare(bench, row, programs):
    """Rounds of one case: {program: [result of each round]}, and why a program has none."""
    results, absent = {}, {}
    for i in range(bench.args.rounds):
        for name in programs:
            if name in absent:
                continue
            try:
                result = getattr(bench, name)(row["case"])
            except Failed as failure:
                absent[name] = str(failure)
                results.pop(name, None)
                say("  %s: %s" % (name, failure))
                continue
            results.setdefault(name, []).append(result)
            say("  round %d %-5s %.4f s, %.0f MB" % (i + 1, name, result["median_s"], result["peak_rss_mb"]))
    return results, absent


def ratio_row(bench, row):
    results, absent = compare(bench, row, ["ours"] + row["peers"])
    if "ours" not in results:
        raise Failed(absent["ours"])
    measured = {"case": row["case"], "absent": absent, "programs": {}}
    for name, rounds in results.items():
        measured["programs"][name] = {
            "s": statistics.median(r["median_s"] for r in rounds),
            "mb": statistics.median(r["peak_rss_mb"] for r in rounds),
            "all_s": [r["median_s"] for r in rounds],
            "version": rounds[0].get("version", ""),
        }
        pairs = list(zip(results["ours"], rounds))
        if name != "ours":
            measured["programs"][name]["ratio"] = statistics.median(a["median_s"] / b["median_s"] for a, b in pairs)
            measured["programs"][name]["mb_ratio"] = statistics.median(a["peak_rss_mb"] / b["peak_rss_mb"] for a, b in pairs)
    return measured


def measure(bench, name):
    row = rows.ROWS[name]
    if row["kind"] == "ratio":
        return ratio_row(bench, row)
    return rows.SPECIAL[row["kind"]](bench, row, Failed, say)


def small(bench):
    for precision in ("f32", "bf16"):
        for mode in ("infer", "train"):
            case = {"net": "spnet_tiny", "mode": mode, "batch": 2, "size": 121, "precision": precision}
            try:
                result = bench.ours(case)
                print("spnet_tiny 121² b2 %s %s: %.4f s, %.0f MB" % (mode, precision, result["median_s"], result["peak_rss_mb"]))
            except Failed as failure:
                print("spnet_tiny 121² b2 %s %s: %s" % (mode, precision, failure))


def main():
    args = arguments()
    bench = Bench(args)
    if args.small:
        small(bench)
        return 0
    results_path = pathlib.Path(args.results)
    results = json.loads(results_path.read_text()) if results_path.exists() else {}
    wanted = args.rows.split(",") if args.rows else list(rows.ROWS)
    unknown = [name for name in wanted if name not in rows.ROWS]
    if unknown:
        print("peers.py: no row %s; there are %s" % (", ".join(unknown), ", ".join(rows.ROWS)), file=sys.stderr)
        return 2
    failed = 0
    for name in wanted:
        if args.missing and name in results:
            continue
        say(name)
        try:
            measured = measure(bench, name)
        except Failed as failure:
            failed += 1
            say("  not measured: %s" % failure)
            continue
        measured["date"] = datetime.date.today().isoformat()
        measured["threads"], measured["rounds"] = args.threads, args.rounds
        results[name] = measured
        partial = results_path.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        partial.rename(results_path)
    text = table.render(results)
    print(text)
    table.write(pathlib.Path(args.doc), text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
