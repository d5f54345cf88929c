"""Label maps of `grun eval` against the protocols in PyTorch, for networks of graphs/ that interpolate between pixel edges: the
same random weights, whose last convolution is scaled so that many classes win somewhere, mirrored images included."""

import argparse
import math
import os
import subprocess

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import compare_networks
import implementations

LEAST = 0.999  # of the pixels, equal
# The convolutions whose sum the logits are.
HEADS = {
    "deeplabv3_resnet50": lambda net: [net.classifier[4]],
    "fcn_resnet50": lambda net: [net.classifier[4]],
    "lraspp_mobilenet_v3_large": lambda net: [net.classifier.low_classifier, net.classifier.high_classifier],
    "unet_resnet34": lambda net: [net.segmentation_head[0]],
    "deeplabv3plus_resnet50": lambda net: [net.segmentation_head[0]],
    "ddrnet23_slim": lambda net: [net.final_layer.conv2],
    "pidnet_s": lambda net: [net.final_layer.conv2],
    "bisenetv2": lambda net: [net.head.conv_out[1]],
    "segformer_b0": lambda net: [net.decode_head.classifier],
    "upernet_convnext_tiny": lambda net: [net.decode_head.classifier],
    "mmseg_pspnet50": lambda net: [net.decode_head.conv_seg],
}
MULTIPLES = {"ddrnet23_slim": 8, "pidnet_s": 8, "bisenetv2": 32, "unet_resnet34": 32, "deeplabv3plus_resnet50": 16}
STATISTICS = {"bisenetv2": ([0.3257, 0.3690, 0.3223], [0.2112, 0.2148, 0.2115])}


def normalised(name, image):
    mean, std = STATISTICS.get(name, ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    scaled = (image.astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
    return torch.from_numpy(scaled).permute(2, 0, 1)[None].contiguous()


def spread_classes(other, image):
    """Logits vary over the image by as much for each class."""
    with torch.no_grad():
        logits = other.heads(image)[0][0].flatten(1)
        scale = 3 / logits.std(1)
        layers = HEADS[other.name](other.net)
        for layer in layers:
            layer.weight.mul_(scale[:, None, None, None])
            layer.bias.mul_(scale)
        layers[0].bias.sub_(logits.mean(1) * scale)


def mirrored(other, image):
    both = [other.heads(image)[0].softmax(1), other.heads(image.flip(3))[0].flip(3).softmax(1)]
    return (both[0] + both[1]) / 2


def whole(args, other, image):
    h, w = image.shape[2:]
    unit = MULTIPLES.get(other.name, 1)
    padded = F.pad(image, (0, -w % unit, 0, -h % unit))
    # The mirror image is padded on the same sides.
    turned = F.pad(image.flip(3), (0, -w % unit, 0, -h % unit))
    cropped = lambda x: other.heads(x)[0][:, :, :h, :w].softmax(1)
    return cropped(padded) + cropped(turned).flip(3)


def slide(args, other, image):
    h, w = image.shape[2:]
    places = lambda side: [min(i * math.ceil(args.crop * 2 / 3), side - args.crop) for i in range(math.ceil((side - args.crop) / math.ceil(args.crop * 2 / 3)) + 1)]
    total, count = torch.zeros(1, args.classes, h, w), torch.zeros(h, w)
    for y in places(h):
        for x in places(w):
            total[:, :, y : y + args.crop, x : x + args.crop] += mirrored(other, image[:, :, y : y + args.crop, x : x + args.crop])
            count[y : y + args.crop, x : x + args.crop] += 1
    return total / count


def compare(args, name):
    torch.manual_seed(args.seed)
    other = implementations.build(name, args.classes, args)
    compare_networks.randomise_norms(other.net, args.seed)
    other.net.eval()
    with open(os.path.join(args.camvid, "list", "val.txt")) as file:
        images = [line.split()[0] for line in file][: args.images]
    read = lambda path: normalised(name, np.asarray(Image.open(os.path.join(args.camvid, path)).convert("RGB")))
    spread_classes(other, read(images[0])[:, :, : args.crop, : args.crop])
    path = lambda suffix: os.path.join(args.o, name + suffix)
    model, weights = compare_networks.prepare(args, other, path)
    good = True
    for protocol, oracle in (("whole", whole), ("slide", slide)):
        folder = path("." + protocol)
        sizes = ["base_size=0"] if protocol == "whole" else ["base_size=0", "test_h=%d" % args.crop, "test_w=%d" % args.crop]
        step = len(images)
        subprocess.run([os.path.join(args.bin, "grun"), "eval", model, "--weights", weights, "--dataset", "camvid", "--data-root", args.camvid,
                        "--protocol", protocol, "--flip", "-o", folder, "--threads", str(args.threads),
                        *[text for size in [*sizes, "index_start=0", "index_step=%d" % step] for text in ("--set", size)]],
                       check=True, stdout=subprocess.DEVNULL)
        equal = pixels = 0
        classes = set()
        for image in images:
            with torch.no_grad():
                expected = oracle(args, other, read(image))[0].argmax(0).numpy()
            stem = os.path.splitext(os.path.basename(image))[0]
            actual = np.asarray(Image.open(os.path.join(folder, "gray", stem + ".png")))
            equal, pixels = equal + int((actual == expected).sum()), pixels + expected.size
            classes |= set(np.unique(expected).tolist())
        print("%s %s: %.4f %% of %d pixels equal, %d classes" % (name, protocol, 100 * equal / pixels, pixels, len(classes)), flush=True)
        good = good and equal >= LEAST * pixels
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    implementations.add_arguments(parser)
    parser.add_argument("--net", nargs="+", choices=list(HEADS), help="all that can be made if not given")
    parser.add_argument("--camvid", required=True, help="data set folder")
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.o, exist_ok=True)
    names = args.net or [name for name in implementations.available(args) if name in HEADS]
    failed = [name for name in names if not compare(args, name)]
    if failed:
        raise SystemExit("below the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
