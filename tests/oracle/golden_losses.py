"""Goldens of the losses: PyTorch in f64 from f32 numbers, stored as f32 (losses as f64).

A convolution gives small logits, which are resized to the label's size. Keys: image, weight, bias, label,
class_weights; for each case loss:CASE (f64: the loss, what it is averaged over), gweight:CASE and gbias:CASE; label:CASE where it has
a label of its own.
Hard pixels are chosen by sorting, as OHEM of segmentation codes does. Dice, Tversky and Lovasz losses are those of
segmentation_models_pytorch; the boundary loss, of the first channel alone, has the boundaries as doc/ops.md says.
"""

import argparse

import numpy as np
import segmentation_models_pytorch as smp
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
    "smoothed": {"smoothing": 0.1},
    "smoothed_weighted": {"smoothing": 0.1, "weighted": True},
    "focal": {"gamma": 2},
    "focal_weighted": {"gamma": 2, "weighted": True},
}
MULTICLASS = {"mode": "multiclass", "ignore_index": IGNORE}
REGION_CASES = {
    "dice": smp.losses.DiceLoss(**MULTICLASS),
    "dice_smooth": smp.losses.DiceLoss(smooth=10, **MULTICLASS),
    "tversky": smp.losses.TverskyLoss(alpha=0.3, beta=0.7, gamma=0.75, **MULTICLASS),
}


def lovasz_softmax(logits, label):
    """In f64, where segmentation_models_pytorch computes in f32; the two are compared."""
    valid = label != IGNORE
    probability = logits.softmax(1).permute(0, 2, 3, 1)[valid]
    losses = []
    for c in label[valid].unique():
        hit = (label[valid] == c).double()
        errors, order = (hit - probability[:, c]).abs().sort(descending=True)
        hits = hit[order].cumsum(0)
        misses = (1 - hit[order]).cumsum(0)
        jaccard = 1 - (hit.sum() - hits) / (hit.sum() + misses)
        losses.append(torch.dot(errors, torch.diff(jaccard, prepend=jaccard.new_zeros(1))))
    loss = torch.stack(losses).mean()
    other = smp.losses.LovaszLoss(**MULTICLASS)(logits.detach().float(), label)
    assert abs(loss.item() - other.item()) < 1e-5
    return loss


def boundary_loss(logits, label, width=4):
    """Binary cross entropy of channel 0, where pixels on boundaries weigh the share of the others."""
    valid = label != IGNORE
    height, wide = label.shape[1:]
    on = torch.zeros_like(valid)
    before, after = (width + 1) // 2, width // 2
    padded = F.pad(label, (before, after, before, after), value=IGNORE)
    for y in range(width + 1):
        for x in range(width + 1):
            other = padded[:, y : y + height, x : x + wide]
            on |= (other != IGNORE) & (other != label)
    target = on[valid].double()
    weight = torch.where(on[valid], 1 - target.mean(), target.mean())
    return F.binary_cross_entropy_with_logits(logits[:, 0][valid], target, weight)


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


def focal_loss(logits, label, class_weights, gamma):
    nll = F.cross_entropy(logits, label, reduction="none", ignore_index=IGNORE)
    valid = label != IGNORE
    weight = class_weights[label[valid]]
    return (weight * (1 - torch.exp(-nll[valid])) ** gamma * nll[valid]).sum() / weight.sum()


def small_logits(inputs, channels=CLASSES):
    weight = inputs["weight"][:channels].clone().requires_grad_()
    bias = inputs["bias"][:channels].clone().requires_grad_()
    logits = F.conv2d(inputs["image"], weight, bias, stride=8, padding=1)
    return weight, bias, F.interpolate(logits, (HEIGHT, WIDTH), mode="bilinear", align_corners=True)


def run_region(inputs, loss, channels=CLASSES):
    weight, bias, logits = small_logits(inputs, channels)
    value = loss(logits, inputs["label"])
    value.backward()
    return np.array([value.item(), 1]), weight.grad.numpy(), bias.grad.numpy()


def run(inputs, weighted=False, threshold=None, min_kept=0, smoothing=0.0, gamma=None):
    weight, bias, logits = small_logits(inputs)
    label = inputs["label"]
    if threshold is not None:
        label = torch.where(hard_pixels(logits.detach(), label, threshold, min_kept), label, torch.full_like(label, IGNORE))
    class_weights = inputs["class_weights"] if weighted else torch.ones_like(inputs["class_weights"])
    if gamma is None:
        loss = F.cross_entropy(logits, label, weight=class_weights, ignore_index=IGNORE, label_smoothing=smoothing)
    else:
        loss = focal_loss(logits, label, class_weights, gamma)
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
    results = {name: run(inputs, **case) for name, case in CASES.items()}
    results.update({name: run_region(inputs, loss) for name, loss in REGION_CASES.items()})
    results["lovasz"] = run_region(inputs, lovasz_softmax)
    blocks = label[:, ::8, ::8].repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :HEIGHT, :WIDTH].contiguous()
    results["boundary"] = run_region({**inputs, "label": blocks}, boundary_loss, 1)
    tensors["label:boundary"] = blocks.numpy().astype(np.int32)
    for name, (loss, gweight, gbias) in results.items():
        print("%-16s loss %.9f over %g" % (name, loss[0], loss[1]))
        tensors.update({"loss:" + name: loss, "gweight:" + name: np.float32(gweight), "gbias:" + name: np.float32(gbias)})
    files.save_safetensors(args.o, tensors)


if __name__ == "__main__":
    main()
