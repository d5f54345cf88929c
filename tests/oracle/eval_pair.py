"""Label maps and seconds of the reference's own test program (hszhao/semseg) and of `grun eval`, in turn, on the same images with
the same random weights. Seconds are from the decoded image to the label map, in both."""

import argparse
import collections
import collections.abc
import importlib
import json
import logging
import os
import re
import statistics
import subprocess
import time

import cv2
import numpy as np
import torch

import networks
import spnet

MS = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


def spread_classes(net, image):
    """Makes the last convolution's logits vary over the image by as much for each class, so that many classes win somewhere."""
    with torch.no_grad():
        logits = networks.semseg.logits(net, image)[0].flatten(1)
        last = net.cls[-1]
        scale = 3 / logits.std(1)
        last.bias.copy_((last.bias - logits.mean(1)) * scale)
        last.weight.mul_(scale[:, None, None, None])


def prepare(args):
    """Images and their list in the output folder, weights; gives the network."""
    os.makedirs(os.path.join(args.o, "list"), exist_ok=True)
    names = []
    for path in args.images:
        image = cv2.imread(path)
        if args.size:
            height, width = (int(v) for v in args.size.split("x"))
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        names.append(os.path.splitext(os.path.basename(path))[0] + ".png")
        cv2.imwrite(os.path.join(args.o, names[-1]), image)
    for kind in ("test", "validation"):
        with open(os.path.join(args.o, "list", kind + ".txt"), "w") as out:
            out.writelines(name + "\n" for name in names)
    torch.manual_seed(args.seed)
    net = networks.build(args, args.crop).eval()
    spnet.randomise_norms(net, args.seed)
    first = cv2.cvtColor(cv2.imread(os.path.join(args.o, names[0])), cv2.COLOR_BGR2RGB)
    first = cv2.resize(first, (args.crop, args.crop)).astype(np.float32)
    first = torch.from_numpy(((first - spnet.MEAN) / spnet.STD).astype(np.float32)).permute(2, 0, 1)[None]
    spread_classes(net, first)
    torch.save(net.state_dict(), os.path.join(args.o, "weights.pth"))
    return net


class Timed(torch.nn.Module):
    """A network that sums up its seconds."""

    def __init__(self, net):
        super().__init__()
        self.net, self.seconds = net, 0.0

    def forward(self, image):
        start = time.perf_counter()
        out = self.net(image)
        self.seconds += time.perf_counter() - start
        return out


def reference(args, program, net):
    """Seconds an image and in the network, by the test program's own functions."""
    transform = importlib.import_module("util.transform")
    dataset = importlib.import_module("util.dataset")
    data = dataset.SemData("test", args.o, os.path.join(args.o, "list", "test.txt"), transform.Compose([transform.ToTensor()]))
    marks, timed = [], Timed(net)

    def decoded():
        for item in torch.utils.data.DataLoader(data):
            marks.append([time.perf_counter()])
            yield item

    class Loader:
        __iter__ = staticmethod(decoded)
        __len__ = lambda self: len(data)

    made = program.check_makedirs

    def labelled(folder):  # the first thing that the program does with a label map
        if len(marks[-1]) == 1:
            marks[-1].append(time.perf_counter())
        made(folder)

    program.check_makedirs = labelled
    folders = [os.path.join(args.o, "reference", kind) for kind in ("gray", "color")]
    colors = np.random.default_rng(0).integers(0, 256, 3 * args.classes).tolist()
    scales = MS if args.ms else [1.0]
    program.test(
        Loader(), data.data_list, timed, args.classes, spnet.MEAN, spnet.STD, args.base_size, args.crop, args.crop, scales,
        *folders, colors,
    )
    program.check_makedirs = made
    return sum(end - start for start, end in marks) / len(marks), timed.seconds / len(marks)


def ours(args):
    command = [
        args.grun, "eval", args.model, "--weights", os.path.join(args.o, "weights.pth"), "--dataset", args.dataset,
        "--data-root", args.o, "--split", "test", "-o", os.path.join(args.o, "ours"), "-v", "--threads", str(args.threads),
        "--set", "base_size=%d" % args.base_size, "--set", "test_h=%d" % args.crop, "--set", "test_w=%d" % args.crop,
    ] + (["--ms"] if args.ms else []) + args.grun_options.split()
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"label maps: ([0-9.]+) s, of these network ([0-9.]+) s, binding sizes ([0-9.]+) s", text)
    return [float(v) / len(args.images) for v in found.groups()]


def compare(args):
    equal = pixels = 0
    classes = set()
    for path in args.images:
        name = os.path.splitext(os.path.basename(path))[0] + ".png"
        a, b = (cv2.imread(os.path.join(args.o, who, "gray", name), cv2.IMREAD_UNCHANGED) for who in ("reference", "ours"))
        equal, pixels = equal + int((a == b).sum()), pixels + a.size
        classes |= set(np.unique(a).tolist())
    return {"equal": equal / pixels, "pixels": pixels, "classes": len(classes)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    networks.add_arguments(parser)
    parser.add_argument("--grun", required=True, help="the program")
    parser.add_argument("--grun-options", default="", help="more of its options")
    parser.add_argument("--model", required=True, help="the network's .fb")
    parser.add_argument("--dataset", default="ade20k")
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--images", nargs="+", required=True)
    parser.add_argument("--size", help="HEIGHTxWIDTH that the images are brought to first")
    parser.add_argument("--base-size", type=int, default=512)
    parser.add_argument("--crop", type=int, default=473)
    parser.add_argument("--ms", action="store_true", help="scales 0.5 to 1.75 in steps of 0.25")
    parser.add_argument("--rounds", type=int, default=1, help="pairs, in turn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    collections.Iterable = collections.abc.Iterable
    torch.Tensor.cuda = lambda self, *more, **named: self
    networks.use_references(args)
    program = importlib.import_module("tool.test")
    program.logger = logging.getLogger("reference")
    net = prepare(args)
    pairs = []
    for _ in range(args.rounds):
        theirs, own = reference(args, program, net), ours(args)
        pairs.append({
            "reference_s": theirs[0], "reference_network_s": theirs[1],
            "ours_s": own[0], "ours_network_s": own[1], "ours_binding_s": own[2],
            "ratio": theirs[0] / own[0], "outside_network": 1 - own[1] / own[0],
        })
        print(json.dumps({name: round(value, 4) for name, value in pairs[-1].items()}), flush=True)
    result = {name: statistics.median(p[name] for p in pairs) for name in pairs[0]}
    result.update(compare(args), rounds=args.rounds, torch=torch.__version__)
    print(json.dumps(result, indent=1))
    with open(os.path.join(args.o, "result.json"), "w") as out:
        json.dump(result, out, indent=1)


if __name__ == "__main__":
    main()
