"""Seams of labelling by crops and by windows, on pictures of real scenes put together to a large one.

`grun predict --tiled` against `slide` in one piece: every pixel has to be the same. Labels of `slide` against those of `whole`, whose
network sees the large picture at once and has no seams: the share of pixels that differ within some pixels of where a crop begins or
ends, against the share elsewhere. Pixels within a crop of the picture's border, where both see less, count on neither side. Exit
status 1: windows change a label, or seams disagree more than the rest, beyond what chance makes of it."""

import argparse
import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image


def grun(args, name, *options):
    out = os.path.join(args.o, name)
    command = [os.path.join(args.bin, "grun"), "predict", args.model, os.path.join(args.o, "scene.png"), "-o", out, "-q", *options]
    if args.weights:
        command += ["--weights", args.weights]
    if args.dataset:
        command += ["--dataset", args.dataset]
    run = subprocess.run(command + ["--set", "base_size=0", "--scales", "1", "--no-flip"], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {run.stderr}")
    return np.asarray(Image.open(os.path.join(out, "gray", "scene.png")))


def scene(args):
    """The images side by side, `columns` in a row, all of the first one's size."""
    images = [Image.open(path).convert("RGB") for path in args.images]
    width, height = images[0].size
    rows = -(-len(images) // args.columns)
    large = Image.new("RGB", (width * args.columns, height * rows))
    for i in range(args.columns * rows):
        place = (i % args.columns * width, i // args.columns * height)
        large.paste(images[i % len(images)].resize((width, height)), place)
    large.save(os.path.join(args.o, "scene.png"))
    return large.height, large.width


def edges(extent, crop):
    """Where crops begin and end along a side, without the picture's own ends (doc/evaluation.md, Protocols)."""
    step = -(-crop * 2 // 3)
    count = -(-(extent - crop) // step) + 1
    starts = [min(i * step, extent - crop) for i in range(count)]
    return sorted({at for start in starts for at in (start, start + crop)} - {0, extent})


def near(extent, crop, reach):
    close = np.zeros(extent, bool)
    for at in edges(extent, crop):
        close[max(0, at - reach):at + reach] = True
    return close


def by_strip(differs, seam, inner):
    """Shares at seams and inside for each of a grid's fields, which are about independent of each other."""
    shares = []
    for rows in np.array_split(np.arange(differs.shape[0]), 6):
        for columns in np.array_split(np.arange(differs.shape[1]), 6):
            field = np.ix_(rows, columns)
            at, rest = seam[field] & inner[field], ~seam[field] & inner[field]
            if at.any() and rest.any():
                shares.append((differs[field][at].mean(), differs[field][rest].mean()))
    return np.array(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+")
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--model", required=True, help="a run's model.fb, or a bundle")
    parser.add_argument("--weights")
    parser.add_argument("--dataset")
    parser.add_argument("--crop", type=int, default=225)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--reach", type=int, default=4, help="pixels on either side of a crop's edge that are its seam")
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    height, width = scene(args)
    crop = ["--set", f"test_h={args.crop}", "--set", f"test_w={args.crop}"]
    slide = grun(args, "slide", "--protocol", "slide", *crop)
    tiled = grun(args, "tiled", "--tiled", *crop)
    whole = grun(args, "whole", "--protocol", "whole")

    rows, columns = near(height, args.crop, args.reach), near(width, args.crop, args.reach)
    seam = rows[:, None] | columns[None, :]
    inner = np.zeros((height, width), bool)
    inner[args.crop:height - args.crop, args.crop:width - args.crop] = True
    differs = slide != whole
    shares = by_strip(differs, seam, inner)
    gaps = shares[:, 0] - shares[:, 1]
    random = np.random.default_rng(0)
    draws = [random.choice(gaps, gaps.size).mean() for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    found = {
        "size": [height, width], "crop": args.crop, "reach": args.reach,
        "windows_differ": int((slide != tiled).sum()),
        "seams_differ": float(differs[seam & inner].mean()), "inside_differ": float(differs[~seam & inner].mean()),
        "seams_more": float(gaps.mean()), "seams_more_interval": [float(low), float(high)], "fields": int(gaps.size),
    }
    print(json.dumps(found))
    if found["windows_differ"] > 0 or low > 0:
        sys.exit(1)


if __name__ == "__main__":
    main()
