"""Training of the networks of graphs/ against their implementations in f64: losses of ten steps on one batch, gradients of the
first. The start is without kinks and dropout, hard pixels are off, and all parameters have one learning rate, so that what is
compared is the network, its heads and its losses."""

import argparse
import copy
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


def batch(args):
    rng = np.random.default_rng(args.seed)
    image = rng.standard_normal((args.batch, 3, args.height, args.width), dtype=np.float32)
    blocks = rng.integers(0, args.classes + 1, (args.batch, args.height // 8, args.width // 8), dtype=np.int32)
    label = blocks.repeat(8, axis=1).repeat(8, axis=2)
    label[label == args.classes] = implementations.IGNORE
    return image, label


def steps_of_oracle(args, other, image, label):
    other.net = copy.deepcopy(other.net).double().train()
    optimizer = torch.optim.SGD(other.net.parameters(), lr=args.lr, momentum=0.9)
    x, target = torch.from_numpy(image).double(), torch.from_numpy(label).long()
    losses, gradients = [], {}
    for _ in range(args.steps):
        optimizer.zero_grad()
        loss = other.loss(other.heads(x), target)
        loss.backward()
        gradients = gradients or {name: p.grad.numpy().copy() for name, p in other.net.named_parameters() if p.grad is not None}
        optimizer.step()
        losses.append(loss.item())
    return losses, gradients


def steps_of_graphrun(args, path, model, weights, image, label):
    np.save(path(".image.npy"), image)
    np.save(path(".label.npy"), label)
    command = [os.path.join(args.bin, "write_gradients"), model, weights, path(".image.npy"), path(".label.npy"), path(".gradients.safetensors")]
    out = subprocess.run(command + ["--steps", str(args.steps), "--lr", str(args.lr)], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    losses = [float(row[-1]) for row in rows if row[0] in ("loss", "step")]
    return losses, files.load_safetensors(path(".gradients.safetensors"))


def compare(args, name):
    torch.manual_seed(args.seed)
    other = implementations.build(name, args.classes, args)
    make_kink_free(other.net, args.seed)
    path = lambda suffix: os.path.join(args.o, name + suffix)
    model, weights = compare_networks.prepare(args, other, path, ["weight_decay=0", *other.training], ["--lr-mult", "*=1"])
    image, label = batch(args)
    actual, gradients = steps_of_graphrun(args, path, model, weights, image, label)
    expected, oracle = steps_of_oracle(args, other, image, label)
    apart = max(abs(a / e - 1) for a, e in zip(actual, expected, strict=True))
    largest = max(np.abs(g).max() for g in oracle.values())
    worst, where = 0, ""
    for key, g in oracle.items():
        key_here = compare_networks.mapped_name(args, other, key)
        difference = np.abs(gradients[key_here].astype(np.float64).reshape(g.shape) - g)
        share = (difference / (RELATIVE * np.abs(g) + ABSOLUTE * largest)).max()
        if share > worst:
            worst, where = share, key
    print("%s: losses %.7g to %.7g, %.1e apart; gradients at %.2f of the bar (%s)" % (name, expected[0], expected[-1], apart, worst, where), flush=True)
    return apart <= LOSS_LIMIT and worst <= 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    implementations.add_arguments(parser)
    parser.add_argument("--net", nargs="+", choices=list(implementations.IMPLEMENTATIONS), help="all that can be made if not given")
    parser.add_argument("--bin", default="build/cpu/bin", help="where graphc, grun and write_gradients are")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--batch", type=int, default=2)
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
    failed = [name for name in args.net or implementations.available(args) if not compare(args, name)]
    if failed:
        raise SystemExit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
