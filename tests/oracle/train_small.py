"""Trains a small network from given weights on CamVid with the reference's loader, augmentation and optimiser, and scores it on val.

Shuffle and augmentation follow --seed; the starting weights are a file, so that another implementation can start from the same ones
(tiny.py writes them). Scoring is one pass over each whole image.
"""

import argparse
import json
import os
import random
import time

import numpy as np
import torch

import camvid
import spnet


def score(net, folder, classes):
    toolkit = spnet.reference("util.transform")
    plain = toolkit.Compose([toolkit.ToTensor(), toolkit.Normalize(mean=spnet.MEAN, std=spnet.STD)])
    count = spnet.reference("util.util").intersectionAndUnion
    net.eval()
    sums = 0
    with torch.no_grad():
        for image, label in torch.utils.data.DataLoader(camvid.dataset(folder, "val", plain)):
            sums = sums + np.array(count(spnet.logits(net, image).argmax(1).numpy(), label.numpy(), classes))
    both, either, target = sums
    iou = both / (either + 1e-10)
    return {"mIoU": iou.mean(), "aAcc": both.sum() / target.sum(), "iou": iou.tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spnet", required=True)
    parser.add_argument("--camvid", required=True)
    parser.add_argument("--net", default="tiny", help="tiny[:WIDTH], spnet50 or spnet101")
    parser.add_argument("--weights", help="starting .pth; without it drawn from --seed as the reference draws them")
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--crop", type=int, default=240)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--run-epochs", type=int, help="stop after so many; the schedule stays that of --epochs")
    parser.add_argument("--base-lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    spnet.use_reference(os.path.abspath(args.spnet))
    os.makedirs(args.o, exist_ok=True)
    spnet.reference("cv2").setNumThreads(0)
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    net = spnet.build(args.net, args.classes)
    if args.weights:
        net.load_state_dict(torch.load(args.weights))
    loader = torch.utils.data.DataLoader(
        camvid.dataset(args.camvid, "train", camvid.train_transform(args.crop)),
        batch_size=args.batch, shuffle=True, num_workers=args.workers, drop_last=True,
    )
    trainer = spnet.Trainer(net, args.base_lr, args.epochs * len(loader))
    begin, epochs = time.perf_counter(), []
    for epoch in range(args.run_epochs or args.epochs):
        net.train()
        rows = [trainer.step(image, label) for image, label in loader]
        epochs.append({"epoch": epoch + 1, "loss": float(np.mean(rows, axis=0)[2]), "s": time.perf_counter() - begin})
        print(epochs[-1], flush=True)
    torch.save(net.state_dict(), os.path.join(args.o, "trained.pth"))
    result = {**score(net, args.camvid, args.classes), "epochs": epochs, "torch": torch.__version__}
    result["settings"] = {k: v for k, v in vars(args).items() if k not in ("spnet", "camvid", "weights", "o")}
    result["train_s"] = epochs[-1]["s"]
    with open(os.path.join(args.o, "result.json"), "w") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    print("val mIoU %.4f, trained in %.0f s" % (result["mIoU"], result["train_s"]))


if __name__ == "__main__":
    main()
