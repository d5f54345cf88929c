"""Logits of grun against those of the implementation whose names a network of graphs/ bears, with random weights and
statistics that come from the implementation's own state_dict, saved as .pth."""

import argparse
import json
import os
import subprocess

import numpy as np
import torch
import torch.nn as nn

import implementations

LIMITS = {"f32": 1e-4, "bf16": 2e-2}


def randomise_norms(net, seed):
    """Random affine parameters and running statistics. The last norm of a residual branch is drawn four times smaller, so
    that activations do not grow from block to block."""
    gen = torch.Generator().manual_seed(seed)
    closing = {id(m.bn3 if hasattr(m, "bn3") else m.bn2) for m in net.modules() if hasattr(m, "downsample") and hasattr(m, "bn2")}
    for norm in (m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)):
        low, high = (0.125, 0.375) if id(norm) in closing else (0.5, 1.5)
        norm.weight.data.uniform_(low, high, generator=gen)
        norm.bias.data.normal_(0, 0.1, generator=gen)
        norm.running_mean.normal_(0, 0.1, generator=gen)
        norm.running_var.uniform_(0.5, 1.5, generator=gen)


def run(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def mapped_name(args, other, name):
    """What a tensor of the implementation is called in the model."""
    if other.map is None:
        return name
    with open(os.path.join(args.graphs, "maps", other.map + ".json")) as file:
        prefixes = json.load(file)["prefixes"]
    longest = max((prefix for prefix in prefixes if name.startswith(prefix)), key=len)  # stars are for names of files alone
    return prefixes[longest] + name[len(longest):]


def prepare(args, other, path, definitions=(), more=()):
    """The implementation's weights as a checkpoint by the model's names, and the model; returns their files."""
    torch.save(other.checkpoint(), path(".pth"))
    graph = os.path.join(args.graphs, (other.graph or other.name) + ".json")
    options = [text for d in ["classes=%d" % args.classes, *other.definitions, *definitions] for text in ("-D", d)]
    run([os.path.join(args.bin, "graphc"), graph, "-o", path(".fb"), *options, *more])
    if other.map is None:
        return path(".fb"), path(".pth")
    run([os.path.join(args.bin, "grun"), "convert", path(".pth"), path(".safetensors"), "--map", other.map, "--model", path(".fb")])
    return path(".fb"), path(".safetensors")


def compare(args, name):
    torch.manual_seed(args.seed)
    other = implementations.build(name, args.classes, args)
    randomise_norms(other.net, args.seed)
    other.net.eval()
    path = lambda suffix: os.path.join(args.o, name + suffix)
    model, weights = prepare(args, other, path)
    worst = {}
    for text in args.shapes:
        image = np.random.default_rng(args.seed).standard_normal([int(v) for v in text.split("x")], dtype=np.float32)
        np.save(path(".image.npy"), image)
        with torch.no_grad():
            expected = other.heads(torch.from_numpy(image))[0].numpy()
        for precision in args.precision:
            run([os.path.join(args.bin, "grun"), "run", model, "--weights", weights, "--precision", precision, "--threads", str(args.threads),
                 "--input", "image=" + path(".image.npy"), "--output", "logits=" + path(".logits.npy")])
            actual = np.load(path(".logits.npy"))
            error = np.linalg.norm(actual.astype(np.float64) - expected) / np.linalg.norm(expected.astype(np.float64))
            worst[precision] = max(worst.get(precision, 0), error)
            print("%s %s %s: relative L2 %.2e, std of logits %.3g" % (name, text, precision, error, expected.std()), flush=True)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    implementations.add_arguments(parser)
    parser.add_argument("--net", nargs="+", choices=list(implementations.IMPLEMENTATIONS), help="all that can be made if not given")
    parser.add_argument("--bin", default="build/cpu/bin", help="where graphc and grun are")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--shapes", nargs="+", default=["1x3x256x320", "2x3x128x96"])
    parser.add_argument("--precision", nargs="+", default=["f32", "bf16"], choices=list(LIMITS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.o, exist_ok=True)
    names = args.net or implementations.available(args)
    failed = [name for name in names if any(error > LIMITS[p] for p, error in compare(args, name).items())]
    if failed:
        raise SystemExit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
