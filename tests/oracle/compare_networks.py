"""Logits of grun against those of the implementation whose names a network of graphs/ bears, with random weights and
statistics that come from the implementation's own state_dict, saved as .pth."""

import argparse
import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn as nn


def torchvision_net(name, classes):
    from torchvision.models import segmentation

    aux = {} if name.startswith("lraspp") else {"aux_loss": True}
    return getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=classes, **aux)


def smp_net(name, classes):
    import segmentation_models_pytorch as smp

    architecture, encoder = name.split("_")
    make = {"unet": smp.Unet, "deeplabv3plus": smp.DeepLabV3Plus}[architecture]
    return make(encoder, encoder_weights=None, classes=classes)


def ddrnet(name, classes):
    """From a checkout of ydhongHIT/DDRNet (--ddrnet), whose heads give an eighth of the image's size."""
    import DDRNet_23_slim as reference

    net = reference.DualResNet(reference.BasicBlock, [2, 2, 2, 2], num_classes=classes, planes=32, spp_planes=128, head_planes=64, augment=True)
    forward = net.forward
    net.forward = lambda x: nn.functional.interpolate(forward(x)[0], x.shape[2:], mode="bilinear", align_corners=False)
    return net


NETWORKS = {
    "deeplabv3_resnet50": torchvision_net,
    "deeplabv3_resnet101": torchvision_net,
    "fcn_resnet50": torchvision_net,
    "fcn_resnet101": torchvision_net,
    "lraspp_mobilenet_v3_large": torchvision_net,
    "unet_resnet34": smp_net,
    "deeplabv3plus_resnet50": smp_net,
    "ddrnet23_slim": ddrnet,
}


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


def logits_of(net, image):
    with torch.no_grad():
        out = net(torch.from_numpy(image))
    return (out["out"] if isinstance(out, dict) else out).numpy()


def compare(args, name):
    torch.manual_seed(args.seed)
    net = NETWORKS[name](name, args.classes)
    randomise_norms(net, args.seed)
    net.eval()
    path = lambda suffix: os.path.join(args.o, name + suffix)
    torch.save(net.state_dict(), path(".pth"))
    graph = os.path.join(args.graphs, name + ".json")
    subprocess.run([os.path.join(args.bin, "graphc"), graph, "-o", path(".fb"), "-D", "classes=%d" % args.classes], check=True)
    worst = {}
    for text in args.shapes:
        image = np.random.default_rng(args.seed).standard_normal([int(v) for v in text.split("x")], dtype=np.float32)
        np.save(path(".image.npy"), image)
        expected = logits_of(net, image)
        for precision in args.precision:
            command = [os.path.join(args.bin, "grun"), "run", path(".fb"), "--weights", path(".pth"), "--precision", precision]
            command += ["--input", "image=" + path(".image.npy"), "--output", "logits=" + path(".logits.npy")]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            actual = np.load(path(".logits.npy"))
            error = np.linalg.norm(actual.astype(np.float64) - expected) / np.linalg.norm(expected.astype(np.float64))
            worst[precision] = max(worst.get(precision, 0), error)
            print("%s %s %s: relative L2 %.2e, std of logits %.3g" % (name, text, precision, error, expected.std()), flush=True)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", nargs="+", default=[name for name in NETWORKS if name != "ddrnet23_slim"], choices=list(NETWORKS))
    parser.add_argument("--ddrnet", help="checkout of ydhongHIT/DDRNet")
    parser.add_argument("--bin", default="build/cpu/bin", help="where graphc and grun are")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--shapes", nargs="+", default=["1x3x256x320", "2x3x128x96"])
    parser.add_argument("--precision", nargs="+", default=["f32"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.ddrnet:
        sys.path.insert(0, os.path.join(os.path.abspath(args.ddrnet), "segmentation"))
    os.makedirs(args.o, exist_ok=True)
    limits = {"f32": 1e-4, "bf16": 2e-2}
    failed = [name for name in args.net if any(error > limits[p] for p, error in compare(args, name).items())]
    if failed:
        raise SystemExit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
