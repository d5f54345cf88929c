"""Random SPNet-50 and -101 weights (.pth), inputs and the logits of PyTorch in f32."""

import argparse
import os

import numpy as np
import torch

import spnet


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spnet", required=True)
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--layers", type=int, nargs="+", default=[50, 101])
    parser.add_argument("--shapes", nargs="+", default=["1x3x480x480", "2x3x480x480", "1x3x161x121"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    spnet.use_reference(args.spnet)
    os.makedirs(args.o, exist_ok=True)
    inputs = {}
    for text in args.shapes:
        rng = np.random.default_rng(args.seed)
        inputs[text] = rng.standard_normal([int(v) for v in text.split("x")], dtype=np.float32)
        np.save(os.path.join(args.o, "image_%s.npy" % text), inputs[text])
    for layers in args.layers:
        torch.manual_seed(args.seed)
        net = spnet.build(layers, args.classes)
        spnet.randomise_norms(net, args.seed)
        net.eval()
        torch.save(net.state_dict(), os.path.join(args.o, "spnet%d.pth" % layers))
        for text, image in inputs.items():
            with torch.no_grad():
                c3, c4 = net.base_forward(torch.from_numpy(image))[2:]
                out = spnet.resize(net.head(c4), image.shape[2:]).numpy()
            np.save(os.path.join(args.o, "logits%d_%s.npy" % (layers, text)), out)
            print(
                "spnet%d %s: std of c3 %.3g, c4 %.3g, logits %.3g; norm of logits %.9g"
                % (layers, text, c3.std(), c4.std(), out.std(), np.linalg.norm(out.astype(np.float64)))
            )


if __name__ == "__main__":
    main()
