#!/usr/bin/env python3
"""Does a start from another data set help on few images? Trains spnet_tiny on 100 CamVid images with several seeds, each from
the weights of a run on the generated data set `shapes` (--init) and from nothing, and compares the mIoU on CamVid's val split.

    tools/bench/fine_tune.py --camvid CAMVID --seeds 5
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Student's t for an interval of 95 %, by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"), help="folder of graphc and grun")
    parser.add_argument("--camvid", required=True, help="the data set's folder")
    parser.add_argument("--images", type=int, default=100, help="training images, evenly out of the split")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--source-epochs", type=int, default=30, help="of the run on shapes")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--work", default="fine_tune", help="folder of runs")
    return parser.parse_args()


def small_camvid(args, work):
    """A descriptor of CamVid with fewer training images; the images stay where they are."""
    data = work / "data"
    data.mkdir(exist_ok=True)
    for name in ("images", "labels"):
        if not (data / name).is_symlink():
            os.symlink(os.path.abspath(os.path.join(args.camvid, name)), data / name)
    lists = pathlib.Path(args.camvid) / "list"
    lines = (lists / "train.txt").read_text().splitlines()
    chosen = [lines[i * len(lines) // args.images] for i in range(args.images)]
    (data / "train.txt").write_text("\n".join(chosen) + "\n")
    (data / "val.txt").write_text((lists / "val.txt").read_text())
    descriptor = json.loads((ROOT / "datasets/camvid.json").read_text())
    del descriptor["$schema"]
    descriptor["name"] = "camvid%d" % args.images
    descriptor["splits"] = {"train": {"list": "train.txt"}, "val": {"list": "val.txt"}}
    (work / "camvid.json").write_text(json.dumps(descriptor))


def main():
    args = arguments()
    work = pathlib.Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    small_camvid(args, work)

    def call(program, *options):
        subprocess.run([os.path.join(args.bin, program), *map(str, options)], check=True, stdout=subprocess.DEVNULL)

    model = work / "spnet_tiny8.fb"
    call("graphc", ROOT / "graphs/spnet_tiny.json", "-D", "width=8", "-o", model)
    quiet = ["--threads", args.threads, "-q"]
    source = work / "shapes"
    if not source.exists():
        call("grun", "train", model, "--dataset", "shapes", "--seed", 0, "--set", "epochs=%d" % args.source_epochs, "-o", source, *quiet)
    weights = source / "checkpoints" / ("epoch_%d.safetensors" % args.source_epochs)
    scores = {"init": [], "nothing": []}
    for seed in range(args.seeds):
        for start, found in scores.items():
            run = work / ("%s_%d" % (start, seed))
            if not run.exists():
                call("grun", "train", model, "--dataset", work / "camvid.json", "--data-root", work / "data", "--seed", seed, "-o", run,
                     "--set", "train_h=120", "--set", "train_w=120", "--set", "scale_min=0.3", "--set", "scale_max=0.8",
                     "--set", "base_lr=0.02", "--set", "epochs=%d" % args.epochs, "--set", "workers=1",
                     *(["--init", weights] if start == "init" else []), *quiet)
            call("grun", "eval", run, "--protocol", "whole", "--no-flip", "--no-pictures", "--set", "base_size=240", "-o", run / "scores", *quiet)
            found.append(json.loads((run / "scores/metrics.json").read_text())["mIoU"])
            print("seed %d from %s: mIoU %.4f" % (seed, start, found[-1]), flush=True)

    def interval(values):
        half = STUDENT[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
        return "%.4f (95 %%: %.4f to %.4f)" % (statistics.mean(values), statistics.mean(values) - half, statistics.mean(values) + half)

    for start, found in scores.items():
        print("from %s: %s" % (start, interval(found)))
    print("difference by seed:", interval([a - b for a, b in zip(scores["init"], scores["nothing"])]))


if __name__ == "__main__":
    main()
