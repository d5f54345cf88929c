"""Goldens of the losses: PyTorch in f64 from f32 numbers, stored as f32 (losses as f64).

A convolution gives small logits, which are resized to the label's size. Keys: image, weight, bias, label,
class_weights; for each case loss:CASE (f64: the loss, what it is averaged over), gweight:CASE and gbias:CASE.
Hard pixels are chosen by sorting, as OHEM of segmentation codes does.
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

import files

CLASSES, HEIGHT, WIDTH, IGNORE = 7, 33, 41, 255
CASES = {
    "plain": {},
    "weighted": {"weighted": True},
    "ohem_threshold": {"threshold": 0.2, "min_kept": 100},
    "ohem_min_kept": {"threshold": 0.05, "min_kept": 1500},
    "ohem_weighted": {"threshold": 0.2, "min_kept": 100, "weighted": True},
}


def hard_pixels(logits, label, threshold, min_kept):
    """Valid pixels whose label is less probable than max(threshold, the min_kept-th smallest probability)."""
    valid = label != IGNORE
    target = torch.where(valid, label, torch.zeros_like(label))
    probability = logits.softmax(1).gather(1, target[:, None])[:, 0]
    ordered = probability[valid].sort().values
    place = min(min_kept, ordered.numel() - 1)
    limit = max(threshold, ordered[place].item())
    gaps = (ordered - limit).abs()
    assert gaps[gaps > 0].min() > 1e-6, "a pixel whose side depends on rounding"
    return valid & (probability < limit)


def run(inputs, weighted=False, threshold=None, min_kept=0):
    weight = inputs["weight"].clone().requires_grad_()
    bias = inputs["bias"].clone().requires_grad_()
    logits = F.conv2d(inputs["image"], weight, bias, stride=8, padding=1)
    logits = F.interpolate(logits, (HEIGHT, WIDTH), mode="bilinear", align_corners=True)
    label = inputs["label"]
    if threshold is not None:
        label = torch.where(hard_pixels(logits.detach(), label, threshold, min_kept), label, torch.full_like(label, IGNORE))
    class_weights = inputs["class_weights"] if weighted else torch.ones_like(inputs["class_weights"])
    loss = F.cross_entropy(logits, label, weight=class_weights, ignore_index=IGNORE)
    loss.backward()
    counted = class_weights[label[label != IGNORE]].sum()
    return np.array([loss.item(), counted.item()]), weight.grad.numpy(), bias.grad.numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    gen = torch.Generator().manual_seed(2)
    label = torch.randint(0, CLASSES, (2, HEIGHT, WIDTH), generator=gen)
    label[torch.rand(label.shape, generator=gen) < 0.2] = IGNORE
    inputs = {
        "image": torch.randn(2, 3, HEIGHT, WIDTH, generator=gen),
        "weight": torch.randn(CLASSES, 3, 3, 3, generator=gen) * 0.3,
        "bias": torch.randn(CLASSES, generator=gen),
        "class_weights": torch.tensor([0.5, 2, 1, 0, 3.25, 1, 0.125]),
    }
    tensors = {k: v.numpy() for k, v in inputs.items()}
    tensors["label"] = label.numpy().astype(np.int32)
    inputs = {k: v.double() for k, v in inputs.items()}
    inputs["label"] = label
    for name, case in CASES.items():
        loss, gweight, gbias = run(inputs, **case)
        print("%-16s loss %.9f over %g" % (name, loss[0], loss[1]))
        tensors.update({"loss:" + name: loss, "gweight:" + name: np.float32(gweight), "gbias:" + name: np.float32(gbias)})
    files.save_safetensors(args.o, tensors)


if __name__ == "__main__":
    main()
