"""Times graphs that `grun import` makes of ONNX files against the graphs written by hand that `grun export` made these of.

Same network, same weights (random ones: speed does not depend on them), same size. Every measurement is a process of its own; the
two take turns, the first of a round in turn. What counts is the fastest run of each, and beside it stands the median of the
rounds' ratios."""

import argparse
import json
import os
import statistics
import sys

import onnx_files as tools

BAR = 1.03
NETWORKS = {"pspnet50": 473, "deeplabv3_resnet50": 480, "unet_resnet34": 480}


def prepare(args, programs, name, size):
    """Two models with their weights: by hand, imported."""
    path = os.path.join(args.o, name)
    programs.run("graphc", os.path.join(args.graphs, name + ".json"), "-o", path + ".fb")
    weights = path + ".safetensors"
    tools.save_random_weights(programs, path + ".fb", weights, 1)
    programs.run("grun", "export", path + ".fb", "--weights", weights, "-o", path + ".onnx", "--shape", "1,3,%d,%d" % (size, size), "-q")
    programs.run("grun", "import", path + ".onnx", "-o", path + ".imported", "-q")
    return [(path + ".fb", weights), (path + ".imported.fb", path + ".imported.safetensors")]


def seconds(args, programs, model, weights, size):
    said = programs.run("grun", "bench", model, "--weights", weights, "--mode", "infer", "--shape", "1,3,%d,%d" % (size, size),
                        "--iters", args.iters, "--threads", args.threads, "--precision", args.precision, "--json")
    return json.loads(said.strip().splitlines()[-1])["min_s"]


def compare(args, programs, name):
    size = args.size or NETWORKS[name]
    networks = prepare(args, programs, name, size)
    times = [[], []]
    for turn in range(args.rounds):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            times[which].append(seconds(args, programs, *networks[which], size))
    fastest = [min(each) for each in times]
    ratio = fastest[1] / fastest[0]
    median = statistics.median(imported / own for own, imported in zip(*times))
    print("%-20s %d, %s: by hand %.4f s, imported %.4f s, ratio %.3f (median of rounds %.3f), bar %.2f: %s" % (
        name, size, args.precision, *fastest, ratio, median, BAR, "met" if ratio <= BAR else "missed"), flush=True)
    return ratio <= BAR


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--bin", default=os.path.join(root, "build/cpu/bin"), help="where graphc and grun are")
    parser.add_argument("--graphs", default=os.path.join(root, "graphs"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iters", type=int, default=5, help="timed runs of a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, help="rows and columns, instead of each network's own")
    parser.add_argument("--precision", default="f32", choices=["f32", "bf16"])
    parser.add_argument("-o", required=True, help="folder of models and weights")
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    programs = tools.Programs(args.bin)
    good = True
    for name in args.net:
        try:
            good = compare(args, programs, name) and good
        except RuntimeError as error:
            good = False
            print("%-20s %s" % (name, str(error)[-400:]), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
