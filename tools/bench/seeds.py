#!/usr/bin/env python3
"""Does training in bf16 end where f32 ends? Trains a small network with many seeds in both and compares the means.

A mean of three seeds says little: single runs of the same precision lie 0.06 mIoU apart. Each seed is trained in both
precisions from the same initial weights and the same order of images, on whatever device grun is given, several at once.

    tools/bench/seeds.py --model spnet_tiny8.fb --camvid CAMVID --seeds 20 --at-once 8 --device cuda
"""

import argparse
import concurrent.futures
import json
import math
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grun", default=str(ROOT / "build/release/bin/grun"))
    parser.add_argument("--model", required=True, help="spnet_tiny.json compiled with -D width=8")
    parser.add_argument("--camvid", required=True, help="the data set's folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2, help="loader threads of a run")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="no run is started after so many")
    parser.add_argument("--work", default="seeds", help="folder of experiments and results.jsonl")
    return parser.parse_args()


def run(args, seed, precision):
    """mIoU on the validation images."""
    folder = pathlib.Path(args.work) / ("%s_%d" % (precision, seed))
    common = ["--device", args.device, "--precision", precision, "--threads", "1", "-q"]
    subprocess.run(
        [args.grun, "train", args.model, "--dataset", "camvid", "--data-root", args.camvid, "--seed", str(seed), *common,
         "--set", "epochs=%d" % args.epochs, "--set", "base_lr=0.01", "--set", "workers=%d" % args.workers,
         "--set", "save_freq=%d" % args.epochs, "-o", folder],
        check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [args.grun, "eval", "--run", folder, "--data-root", args.camvid, *common, "--no-flip", "--no-pictures",
         "--set", "test_h=360", "--set", "test_w=480", "-o", folder / "scores"],
        check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "scores/metrics.json").read_text())["mIoU"]


def describe(found):
    """Of {precision: {seed: mIoU}}: means, deviations, and the mean difference of the seeds that both have."""
    rows = []
    for precision, scores in found.items():
        values = list(scores.values())
        if len(values) > 1:
            rows.append("%s: %d seeds, mean %.4f, deviation of a seed %.4f" % (
                precision, len(values), statistics.mean(values), statistics.stdev(values)))
    pairs = [found["bf16"][seed] - found["f32"][seed] for seed in found["f32"] if seed in found["bf16"]]
    if len(pairs) > 1:
        rows.append("bf16 - f32 over %d seeds: %+.4f, standard error %.4f" % (
            len(pairs), statistics.mean(pairs), statistics.stdev(pairs) / math.sqrt(len(pairs))))
    return "\n".join(rows)


def main():
    args = arguments()
    begin = time.monotonic()
    pathlib.Path(args.work).mkdir(parents=True, exist_ok=True)
    found = {"f32": {}, "bf16": {}}
    failed = 0

    def one(seed, precision):
        return run(args, seed, precision) if time.monotonic() - begin < args.seconds else None

    with concurrent.futures.ThreadPoolExecutor(args.at_once) as pool, open(pathlib.Path(args.work) / "results.jsonl", "a") as log:
        jobs = {}
        for seed in range(args.first, args.first + args.seeds):
            for precision in found:
                jobs[pool.submit(one, seed, precision)] = (seed, precision)
        for job in concurrent.futures.as_completed(jobs):
            seed, precision = jobs[job]
            try:
                score = job.result()
            except (subprocess.CalledProcessError, OSError, ValueError, KeyError) as error:
                failed += 1
                print("seed %d, %s: %s" % (seed, precision, error), file=sys.stderr)
                continue
            if score is not None:
                found[precision][seed] = score
                print(json.dumps({"seed": seed, "precision": precision, "mIoU": score}), file=log, flush=True)
    print(describe(found))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
