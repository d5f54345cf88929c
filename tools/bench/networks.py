#!/usr/bin/env python3
"""Times the networks of the field against their implementations in PyTorch, ONNX Runtime and OpenVINO on the CPU, in turn, and
writes the table of doc/networks.md.

Every measurement is a process of its own. A round runs each program once; ratios are those of single rounds, and medians of
them are shown. Results are kept in a JSON file from row to row: --missing takes up a run that was stopped. PyTorch runs in both
orders of channels; of bf16 ONNX Runtime has none.

    tools/bench/networks.py --bin build/release/bin --ddrnet DDRNET --pidnet PIDNET --bisenet BISENET

On a machine that has other work, --processor compares processor seconds of all threads in the place of seconds.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDE, SQUARE = (512, 1024), (512, 512)
NETWORKS = {
    "ddrnet23_slim": WIDE, "pidnet_s": WIDE, "bisenetv2": WIDE, "lraspp_mobilenet_v3_large": WIDE,
    "unet_resnet34": SQUARE, "deeplabv3plus_resnet50": SQUARE, "segformer_b0": SQUARE, "segformer_b1": SQUARE, "segformer_b2": SQUARE,
    "segformer_b3": SQUARE, "segformer_b4": SQUARE, "segformer_b5": SQUARE, "fcn_resnet50": SQUARE, "fcn_resnet101": SQUARE,
    "deeplabv3_resnet50": SQUARE, "deeplabv3_resnet101": SQUARE, "upernet_convnext_tiny": SQUARE,
}
PEERS = {"torch": "PyTorch", "torch_last": "PyTorch, channels last", "ort": "ONNX Runtime", "openvino": "OpenVINO"}
BAR = 0.95
BEGIN, END = "<!-- networks.py: begin -->", "<!-- networks.py: end -->"


class Failed(Exception):
    """A program could not be measured; the text says why."""


def run(command, environment, timeout):
    """What it prints, and the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=environment, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise Failed((done.stderr.strip().splitlines() or ["exit status %d" % done.returncode])[-1][:200])
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Bench:
    def __init__(self, args):
        self.args = args
        self.work = pathlib.Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.environment = dict(os.environ, GRAPHRUN_HOME=str(ROOT), PYTHONPATH=str(ROOT / "tests/oracle"))
        self.environment.pop("OMP_WAIT_POLICY", None)  # users have not set it

    def run(self, command):
        return run(command, self.environment, self.args.timeout)

    def kept(self, path, command):
        """The file that a command makes, from earlier if it is there."""
        if not path.exists():
            partial = path.with_name("partial_" + path.name)
            self.run([*command, partial])
            partial.rename(path)
        return path

    def peer(self, net, size):
        checkouts = [word for name in ("ddrnet", "pidnet", "bisenet") if getattr(self.args, name)
                     for word in ("--" + name, getattr(self.args, name))]
        return [*checkouts, "--net", net, "--height", size[0], "--width", size[1], "--threads", self.args.threads]

    def graphrun(self, net, size, precision):
        bin_folder = pathlib.Path(self.args.bin)
        model = self.kept(self.work / (net + ".fb"), [bin_folder / "graphc", ROOT / "graphs" / (net + ".json"), "-D", "classes=19", "-o"])
        command = [bin_folder / "grun", "bench", model, "--json", "--shape", "1,3,%d,%d" % size, "--threads", self.args.threads,
                   "--precision", precision, "--iters"]
        if not self.args.processor:
            return json.loads(self.run([*command, self.args.iters])[0])
        _, once = self.run([*command, 1])
        text, more = self.run([*command, 1 + self.args.iters])
        return dict(json.loads(text), processor_s=(more - once) / self.args.iters)

    def measure(self, program, net, size, precision):
        if program == "graphrun":
            return self.graphrun(net, size, precision)
        if program == "ort" and precision == "bf16":
            raise Failed("has no bf16 on the CPU")
        script = [self.args.python, ROOT / "tests/oracle/bench_network.py"]
        more = ["--precision", precision, "--iters", self.args.iters]
        if program == "torch_last":
            more.append("--channels-last")
        if program in ("ort", "openvino"):
            onnx = self.work / ("%s_%d_%d.onnx" % (net, *size))
            more += ["--onnx", self.kept(onnx, [*script, "export", *self.peer(net, size), "--onnx"])]
        out, _ = self.run([*script, program.removesuffix("_last"), *self.peer(net, size), *more])
        return json.loads(out.strip().splitlines()[-1])


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), flush=True)


def row(bench, net, precision):
    """Of one network: medians over the rounds, and why a program has none."""
    key = "processor_s" if bench.args.processor else "median_s"
    rounds, absent = {}, {}
    for _ in range(bench.args.rounds):
        for program in ["graphrun", *PEERS]:
            if program in absent:
                continue
            try:
                rounds.setdefault(program, []).append(bench.measure(program, net, NETWORKS[net], precision)[key])
            except Failed as failure:
                rounds.pop(program, None)
                absent[program] = str(failure)
                say("  %s: %s" % (program, failure))
                continue
            say("  %s %s %s %.4f s" % (net, precision, program, rounds[program][-1]))
    if "graphrun" not in rounds:
        raise Failed(absent["graphrun"])
    ratios = {p: statistics.median(a / b for a, b in zip(rounds["graphrun"], rounds[p])) for p in rounds if p != "graphrun"}
    return {"s": {p: statistics.median(times) for p, times in rounds.items()}, "ratio": ratios, "absent": absent,
            "date": time.strftime("%Y-%m-%d"), "threads": bench.args.threads, "processor": bench.args.processor}


def render(results):
    head = ["", "size", "", "graphrun", *PEERS.values(), "to the fastest", "≤ %.2f" % BAR]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for net, size in NETWORKS.items():
        for precision in ("f32", "bf16"):
            found = results.get("%s %s" % (net, precision))
            if found is None:
                continue
            cells = ["%.3f" % found["s"][p] if p in found["s"] else "" for p in ["graphrun", *PEERS]]
            worst = max(found["ratio"].values(), default=None)
            verdict = ["", "not compared"] if worst is None else ["%.2f" % worst, "met" if worst <= BAR else "missed"]
            lines.append("| " + " | ".join(["`%s`" % net, "%d × %d" % size, precision, *cells, *verdict]) + " |")
    return "\n".join(lines) + "\n"


def write(path, text):
    document = path.read_text()
    head, rest = document.split(BEGIN, 1)
    path.write_text(head + BEGIN + "\n\n" + text + "\n" + END + rest.split(END, 1)[1])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"), help="folder of graphc and grun")
    parser.add_argument("--python", default=sys.executable, help="that has the peers, torchvision, transformers, segmentation_models_pytorch")
    for name, where in (("ddrnet", "ydhongHIT/DDRNet"), ("pidnet", "XuJiacong/PIDNet"), ("bisenet", "CoinCheung/BiSeNet")):
        parser.add_argument("--" + name, help="checkout of " + where)
    parser.add_argument("--net", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--precision", nargs="+", choices=["f32", "bf16"], default=["f32", "bf16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iters", type=int, default=3, help="timed runs of a process, after one that is not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processor", action="store_true", help="processor seconds; nothing is written to the document")
    parser.add_argument("--missing", action="store_true", help="only rows that the results do not have")
    parser.add_argument("--work", default="/tmp/graphrun-networks", help="folder of models and exported networks")
    parser.add_argument("--results", default=str(ROOT / "doc/networks.json"))
    parser.add_argument("--doc", default=str(ROOT / "doc/networks.md"), help="has the table between its two markers")
    parser.add_argument("--timeout", type=float, default=900, help="seconds of one process")
    return parser.parse_args()


def main():
    args = arguments()
    bench = Bench(args)
    path = pathlib.Path(args.results)
    results = json.loads(path.read_text()) if path.exists() else {}
    failed = 0
    for net in args.net:
        for precision in args.precision:
            name = "%s %s" % (net, precision)
            if args.missing and name in results:
                continue
            try:
                results[name] = row(bench, net, precision)
            except Failed as failure:
                failed += 1
                say("%s: not measured: %s" % (name, failure))
                continue
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            partial.rename(path)
    print(render(results))
    if not args.processor:
        write(pathlib.Path(args.doc), render(results))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
