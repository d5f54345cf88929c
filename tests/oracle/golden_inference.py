"""A network with random weights (.pth), inputs, and the full-size logits of PyTorch in f32."""

import argparse
import os

import numpy as np
import torch

import networks
import spnet


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    networks.add_arguments(parser)
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--shapes", nargs="+", required=True, help="such as 1x3x473x473; the first one is PSANet's crop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    networks.use_references(args)
    os.makedirs(args.o, exist_ok=True)
    shapes = {text: [int(v) for v in text.split("x")] for text in args.shapes}
    torch.manual_seed(args.seed)
    net = networks.build(args, next(iter(shapes.values()))[2])
    spnet.randomise_norms(net, args.seed)
    net.eval()
    torch.save(net.state_dict(), os.path.join(args.o, args.net + ".pth"))
    for text, shape in shapes.items():
        image = np.random.default_rng(args.seed).standard_normal(shape, dtype=np.float32)
        with torch.no_grad():
            out = networks.family(args.net).logits(net, torch.from_numpy(image)).numpy()
        np.save(os.path.join(args.o, "image_%s.npy" % text), image)
        np.save(os.path.join(args.o, "%s_%s.npy" % (args.net, text)), out)
        norm = np.linalg.norm(out.astype(np.float64))
        print("%s %s %s: std of logits %.3g, norm %.9g" % (args.net, " ".join(args.D), text, out.std(), norm))


if __name__ == "__main__":
    main()
