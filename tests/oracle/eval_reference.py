"""Label maps (gray PNG) and metrics of the reference's own test program on CamVid, its functions called on a CPU."""

import argparse
import json
import logging
import os

import numpy as np
import torch

import camvid
import spnet


class Main(torch.nn.Module):
    """The network as the test program calls it: image to full-size logits."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        return spnet.logits(self.net, image)


def metrics(program, data, folder, classes, names):
    """Runs the program's cal_acc and returns its sums as unrounded means."""
    rows, original = [], program.intersectionAndUnion

    def recorded(*args):
        rows.append(original(*args))
        return rows[-1]

    program.intersectionAndUnion = recorded
    program.cal_acc(data, folder, classes, names)
    program.intersectionAndUnion = original
    both, either, target = np.sum(rows, axis=0)
    iou, acc = both / (either + 1e-10), both / (target + 1e-10)
    return {
        "mIoU": iou.mean(), "mAcc": acc.mean(), "aAcc": both.sum() / (target.sum() + 1e-10),
        "per_class": [{"name": n, "iou": i, "acc": a} for n, i, a in zip(names, iou, acc)], "images": len(rows),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spnet", required=True)
    parser.add_argument("--camvid", required=True)
    parser.add_argument("--net", default="tiny", help="spnet50, spnet101 or tiny[:WIDTH]")
    parser.add_argument("--weights", required=True, help=".pth state_dict")
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--base-size", type=int, default=480)
    parser.add_argument("--test-h", type=int, default=240)
    parser.add_argument("--test-w", type=int, default=240)
    parser.add_argument("--ms", action="store_true", help="scales 0.5 to 1.75 in steps of 0.25")
    parser.add_argument("--images", type=int, help="only the first so many of the val list")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    spnet.use_reference(os.path.abspath(args.spnet))
    program = spnet.reference("tool.test")
    program.logger = logging.getLogger("reference")

    net = spnet.build(args.net, args.classes)
    net.load_state_dict(torch.load(args.weights))
    toolkit = spnet.reference("util.transform")
    data = camvid.dataset(args.camvid, "val", toolkit.Compose([toolkit.ToTensor()]))
    data.data_list = data.data_list[: args.images]
    names = open(os.path.join(args.camvid, "camvid_names.txt")).read().split()
    colors = np.loadtxt(os.path.join(args.camvid, "camvid_colors.txt")).astype("uint8")
    scales = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75] if args.ms else [1.0]
    gray, color = os.path.join(args.o, "gray"), os.path.join(args.o, "color")
    program.test(
        torch.utils.data.DataLoader(data), data, Main(net).eval(), args.classes, spnet.MEAN, spnet.STD,
        args.base_size, args.test_h, args.test_w, scales, gray, color, colors.flatten().tolist(),
    )
    result = metrics(program, data, gray, args.classes, names)
    result["settings"] = {k: v for k, v in vars(args).items() if k not in ("spnet", "camvid", "weights", "o")}
    result["settings"]["scales"] = scales
    with open(os.path.join(args.o, "metrics.json"), "w") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    print("mIoU %.4f mAcc %.4f aAcc %.4f on %d images" % tuple(result[k] for k in ("mIoU", "mAcc", "aAcc", "images")))


if __name__ == "__main__":
    main()
