"""Figures of `grun eval` against scikit-learn, torchmetrics and a distance transform, on random label maps; probabilities of `grun
predict` against softmax in NumPy of the logits of `grun run`, through the same protocol."""

import argparse
import csv
import json
import os
import subprocess

import numpy as np
import scipy.ndimage
import sklearn.metrics
import torch
import torchmetrics
from PIL import Image

FIGURES = 1e-9
PROBABILITIES = 1e-5
CLASSES = 7
IGNORED = 255


def grun(args, *command):
    run = subprocess.run([os.path.join(args.bin, command[0]), *command[1:]], cwd=args.o, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {run.stderr}")


def random_map(random, height, width, noise):
    """Blobs of all classes but the last, with noise."""
    small = random.integers(0, CLASSES - 1, (height // 9 + 2, width // 9 + 2))
    ids = scipy.ndimage.zoom(small, 9, order=0)[:height, :width].astype(np.uint8)
    noisy = random.random(ids.shape) < noise
    ids[noisy] = random.integers(0, CLASSES - 1, noisy.sum())
    return ids


def make_maps(args, random):
    names, labels, predictions = [], [], []
    for folder in ("images", "labels", "predictions"):
        os.makedirs(os.path.join(args.o, folder), exist_ok=True)
    for i in range(args.images):
        height, width = random.integers(40, 200, 2)
        label = random_map(random, height, width, 0.02)
        prediction = np.where(random.random(label.shape) < 0.8, label, random_map(random, height, width, 0.05)).astype(np.uint8)
        label[random.random(label.shape) < 0.03] = IGNORED
        names.append(f"image{i:03}")
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(os.path.join(args.o, "images", names[-1] + ".png"))
        Image.fromarray(label).save(os.path.join(args.o, "labels", names[-1] + ".png"))
        Image.fromarray(prediction).save(os.path.join(args.o, "predictions", names[-1] + ".png"))
        labels.append(label)
        predictions.append(prediction)
    descriptor = {
        "name": "random",
        "classes": [{"name": f"class {c}", "color": [c, 0, 0]} for c in range(CLASSES)],
        "labels": {"identity": CLASSES, "ignore": [IGNORED]},
        "splits": {"val": {"images": "images", "labels": "labels", "image_suffix": ".png", "label_suffix": ".png"}},
    }
    with open(os.path.join(args.o, "random.json"), "w") as out:
        json.dump(descriptor, out)
    return names, labels, predictions


def boundary(mask, distance):
    """Pixels of a mask that lie within a chessboard distance of what is not of it; beyond the image nothing is."""
    padded = np.pad(mask, 1)
    return (padded & (scipy.ndimage.distance_transform_cdt(padded, "chessboard") <= distance))[1:-1, 1:-1]


def boundary_ious(labels, predictions):
    sums = np.zeros((CLASSES, 2), np.int64)
    for label, prediction in zip(labels, predictions):
        distance = max(1, int(round(0.02 * np.hypot(*label.shape))))
        prediction = np.where(label == IGNORED, IGNORED, prediction)
        for c in range(CLASSES):
            a, b = boundary(label == c, distance), boundary(prediction == c, distance)
            sums[c] += (a & b).sum(), (a | b).sum()
    return sums[:, 0] / np.maximum(sums[:, 1], 1)


def check(what, ours, theirs, bound=FIGURES):
    distance = float(np.max(np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))))
    print(f"{what:<44} {distance:.2e}")
    if not distance <= bound:
        raise SystemExit(f"{what}: {ours} here, {theirs} there")


def check_figures(args, random):
    names, labels, predictions = make_maps(args, random)
    grun(args, "grun", "eval", "-q", "--dataset", "random.json", "--data-root", ".", "--predictions", "predictions", "--boundary", "-o", "scores")
    with open(os.path.join(args.o, "scores/metrics.json")) as file:
        ours = json.load(file)
    known = [label != IGNORED for label in labels]
    truth = np.concatenate([label[k] for label, k in zip(labels, known)])
    found = np.concatenate([prediction[k] for prediction, k in zip(predictions, known)])
    every = list(range(CLASSES))
    by_class = lambda key: [entry[key] for entry in ours["per_class"]]
    confusion = sklearn.metrics.confusion_matrix(truth, found, labels=every)
    check("scikit-learn: confusion", ours["confusion"], confusion, 0)
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(truth, found, labels=every, zero_division=0)
    check("scikit-learn: precision", by_class("precision"), precision)
    check("scikit-learn: recall", by_class("recall"), recall)
    check("scikit-learn: f1", by_class("f1"), f1)
    check("scikit-learn: dice", by_class("dice"), f1)
    check("scikit-learn: mF1", ours["mF1"], f1.mean())
    check("scikit-learn: mDice", ours["mDice"], f1.mean())
    iou = sklearn.metrics.jaccard_score(truth, found, labels=every, average=None, zero_division=0)
    check("scikit-learn: iou", by_class("iou"), iou)
    check("scikit-learn: mIoU", ours["mIoU"], iou.mean())
    present = np.union1d(truth, found)
    check("scikit-learn: mIoU_present", ours["mIoU_present"], sklearn.metrics.jaccard_score(truth, found, labels=present, average="macro"))
    check("scikit-learn: fwIoU", ours["fwIoU"], sklearn.metrics.jaccard_score(truth, found, labels=every, average="weighted", zero_division=0))
    check("scikit-learn: kappa", ours["kappa"], sklearn.metrics.cohen_kappa_score(truth, found))
    check("scikit-learn: aAcc", ours["aAcc"], sklearn.metrics.accuracy_score(truth, found))
    torch.set_default_dtype(torch.float64)
    theirs, target = torch.from_numpy(found.astype(np.int64)), torch.from_numpy(truth.astype(np.int64))
    functional = torchmetrics.functional.classification
    check("torchmetrics: confusion", ours["confusion"], functional.multiclass_confusion_matrix(theirs, target, CLASSES), 0)
    # It divides in float32.
    single = 1e-7
    check("torchmetrics: iou (float32)", by_class("iou"), functional.multiclass_jaccard_index(theirs, target, CLASSES, average="none"), single)
    check("torchmetrics: f1 (float32)", by_class("f1"), functional.multiclass_f1_score(theirs, target, CLASSES, average="none"), single)
    check("torchmetrics: kappa (float32)", ours["kappa"], functional.multiclass_cohen_kappa(theirs, target, CLASSES), single)
    check("distance transform: boundary_iou", by_class("boundary_iou"), boundary_ious(labels, predictions))
    with open(os.path.join(args.o, "scores/per_image.csv")) as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == names
    column = lambda key: [sum(int(row[f"{key}_{c}"]) for row in rows) for c in every]
    check("per_image.csv: intersections", column("intersection"), np.diag(confusion), 0)
    check("per_image.csv: unions", column("union"), confusion.sum(0) + confusion.sum(1) - np.diag(confusion), 0)
    return np.stack([np.stack([[int(row[f"intersection_{c}"]), int(row[f"union_{c}"])] for c in every]) for row in rows]), ours


def check_intervals(counts, ours, random):
    """Another generator's draws: the ends agree as far as a thousand draws tell them."""
    draws = counts[random.integers(0, len(counts), (4000, len(counts)))].sum(1)
    means = (draws[..., 0] / np.maximum(draws[..., 1], 1)).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    check("bootstrap: ends of the interval", ours["mIoU_interval"], [low, high], 0.15 * (high - low))


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def logits_of(args, image):
    np.save(os.path.join(args.o, "input.npy"), image)
    grun(args, "grun", "run", "net.fb", "--weights", "net.safetensors", "--input", "input.npy", "--output", "logits.npy")
    return np.load(os.path.join(args.o, "logits.npy")).astype(np.float64)


def views(args, image, flip):
    """Probabilities of an image or a crop, and of its mirror image, which comes back."""
    p = softmax(logits_of(args, image))[0]
    return (p + softmax(logits_of(args, np.ascontiguousarray(image[..., ::-1])))[0][..., ::-1]) / 2 if flip else p


def slide(args, image, crop, flip):
    height, width = image.shape[2:]
    step = int(np.ceil(crop * 2 / 3))
    starts = lambda side: [min(i * step, side - crop) for i in range(int(np.ceil((side - crop) / step)) + 1)]
    total, count = np.zeros((args.classes, height, width)), np.zeros((height, width))
    for y in starts(height):
        for x in starts(width):
            total[:, y : y + crop, x : x + crop] += views(args, np.ascontiguousarray(image[:, :, y : y + crop, x : x + crop]), flip)
            count[y : y + crop, x : x + crop] += 1
    return total / count


def check_probabilities(args, random):
    side, crop = 65, 33
    rgb = scipy.ndimage.zoom(random.integers(0, 256, (9, 9, 3)), (side / 9, side / 9, 1), order=1).astype(np.uint8)
    Image.fromarray(rgb).save(os.path.join(args.o, "picture.png"))
    grun(args, "graphc", os.path.join(args.graphs, "spnet_tiny.json"), "-o", "net.fb", "-D", "width=8")
    grun(args, "grun", "train", "net.fb", "--dataset", "shapes", "--max-iters", "30", "--set", "train_h=33", "--set", "train_w=33", "--set", "batch_size=20", "--set", "base_lr=0.05", "-o", "run", "-q")
    newest = sorted(os.listdir(os.path.join(args.o, "run/checkpoints")))[-1]
    for source, target in ((os.path.join("run/checkpoints", newest), "net.safetensors"), ("run/model.fb", "net.fb")):
        with open(os.path.join(args.o, source), "rb") as old, open(os.path.join(args.o, target), "wb") as new:
            new.write(old.read())
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    image = ((rgb / np.float32(255) - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
    size = ["--set", "base_size=0", "--set", f"test_h={crop}", "--set", f"test_w={crop}"]
    for protocol in ("whole", "slide"):
        for flip in (True, False):
            options = [*size, "--protocol", protocol, *([] if flip else ["--no-flip"])]
            grun(args, "grun", "predict", "net.fb", "--weights", "net.safetensors", "picture.png", "-o", "out", "--probabilities", "--confidence", "-q", *options)
            ours = np.load(os.path.join(args.o, "out/probabilities/picture.npy"))
            args.classes = ours.shape[0]
            theirs = views(args, image, flip) if protocol == "whole" else slide(args, image, crop, flip)
            what = f"{protocol}, {'mirrored too' if flip else 'not mirrored'}: "
            check(what + "probabilities", ours, theirs, PROBABILITIES)
            check(what + "sums", ours.sum(0, dtype=np.float64), 1, PROBABILITIES)
            gray = np.asarray(Image.open(os.path.join(args.o, "out/gray/picture.png")))
            check(what + "arg max", ours.argmax(0), gray, 0)
            confidence = np.asarray(Image.open(os.path.join(args.o, "out/confidence/picture.png"))).astype(np.float64)
            check(what + "confidence", confidence / 65535, ours.max(0), 1 / 65535)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    args.bin, args.graphs = os.path.abspath(args.bin), os.path.abspath(args.graphs)
    os.makedirs(args.o, exist_ok=True)
    random = np.random.default_rng(args.seed)
    counts, ours = check_figures(args, random)
    check_intervals(counts, ours, random)
    check_probabilities(args, random)


if __name__ == "__main__":
    main()
