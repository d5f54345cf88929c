"""Training of the networks of graphs/ against their implementations in f64: losses of ten steps on one batch, gradients of the
first. The start is without kinks and dropout, hard pixels are off, and all parameters have one learning rate and SGD, so that
what is compared is the network, its heads and its losses. Gradients whose terms cancel out are beyond f32: where PyTorch's own
in f32 miss the bar too, ours must be as near to f64 as those."""

import argparse
import copy
import math
import os
import subprocess

import numpy as np
import torch
import torch.nn as nn

import compare_networks
import files
import implementations

LOSS_LIMIT = 1e-5  # relative
RELATIVE, ABSOLUTE = 1e-3, 1e-6  # of a gradient's element, and of the largest one


def make_kink_free(net, seed):
    """Batch norms give about 1 everywhere: no ReLU is near 0, no hard activation near its ends. No dropout."""
    gen = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.weight.data.uniform_(0.05, 0.1, generator=gen)
            module.bias.data.uniform_(1, 1.5, generator=gen)
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0


def batch(args, other):
    """Images differ in colour, and are more than two: without kinks a network is nearly linear, and a batch norm of what pooling
    to one pixel gives would have gradients that cancel out."""
    rng = np.random.default_rng(args.seed)
    image = rng.standard_normal((args.batch, 3, args.height, args.width), dtype=np.float32)
    image += other.colour * rng.standard_normal((args.batch, 3, 1, 1), dtype=np.float32)
    blocks = rng.integers(0, args.classes + 1, (args.batch, args.height // 8, args.width // 8), dtype=np.int32)
    label = blocks.repeat(8, axis=1).repeat(8, axis=2)
    label[label == args.classes] = implementations.IGNORE
    return image, label


def steps_of_oracle(args, other, image, label, dtype, steps):
    first, other.net = other.net, copy.deepcopy(other.net).to(dtype).train()
    optimizer = torch.optim.SGD(other.net.parameters(), lr=args.lr * other.rate, momentum=0.9)
    x, target = torch.from_numpy(image).to(dtype), torch.from_numpy(label).long()
    losses, gradients = [], {}
    for _ in range(steps):
        optimizer.zero_grad()
        loss = other.loss(other.heads(x), target)
        loss.backward()
        gradients = gradients or {name: p.grad.numpy().copy() for name, p in other.net.named_parameters() if p.grad is not None}
        optimizer.step()
        losses.append(loss.item())
    other.net = first
    return losses, gradients


def largest_share(gradients, oracle, name_of):
    """Of the bar, and the tensor that has it."""
    largest = max(np.abs(g).max() for g in oracle.values())
    worst, where = 0, ""
    for key, g in oracle.items():
        difference = np.abs(gradients[name_of(key)].astype(np.float64).reshape(g.shape) - g)
        share = (difference / (RELATIVE * np.abs(g) + ABSOLUTE * largest)).max()
        if share > worst:
            worst, where = share, key
    return worst, where


def steps_of_graphrun(args, other, path, model, weights, image, label):
    np.save(path(".image.npy"), image)
    np.save(path(".label.npy"), label)
    command = [args.write_gradients, model, weights, path(".image.npy"), path(".label.npy"), path(".gradients.safetensors")]
    out = subprocess.run(command + ["--steps", str(args.steps), "--lr", str(args.lr * other.rate)], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    losses = [float(row[-1]) for row in rows if row[0] in ("loss", "step")]
    return losses, files.load_safetensors(path(".gradients.safetensors"))


def compare(args, name):
    torch.manual_seed(args.seed)
    other = implementations.build(name, args.classes, args)
    make_kink_free(other.net, args.seed)
    path = lambda suffix: os.path.join(args.o, name + suffix)
    model, weights = compare_networks.prepare(args, other, path, ["weight_decay=0", *other.training], ["--optimizer", "sgd", "--lr-mult", "*=1"])
    image, label = batch(args, other)
    actual, gradients = steps_of_graphrun(args, other, path, model, weights, image, label)
    expected, oracle = steps_of_oracle(args, other, image, label, torch.float64, args.steps)
    theirs, _ = largest_share(steps_of_oracle(args, other, image, label, torch.float32, 1)[1], oracle, lambda key: key)
    apart = max(abs(a / e - 1) if math.isfinite(e) else math.inf for a, e in zip(actual, expected, strict=True))
    worst, where = largest_share(gradients, oracle, lambda key: compare_networks.mapped_name(args, other, key))
    print("%s: losses %.7g to %.7g, %.1e apart; gradients at %.2f of the bar (%s), PyTorch's in f32 at %.2f"
          % (name, expected[0], expected[-1], apart, worst, where, theirs), flush=True)
    return apart <= LOSS_LIMIT and worst <= max(1, theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    implementations.add_arguments(parser)
    parser.add_argument("--net", nargs="+", choices=[name for name in implementations.IMPLEMENTATIONS if not name.startswith("hub_")], help="all that can be made if not given")
    parser.add_argument("--bin", default="build/cpu/bin", help="where graphc and grun are")
    parser.add_argument("--write-gradients", default="build/cpu/tests/oracle/write_gradients", help="the program")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.o, exist_ok=True)
    failed = [name for name in args.net or [n for n in implementations.available(args) if not n.startswith("hub_")] if not compare(args, name)]
    if failed:
        raise SystemExit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
