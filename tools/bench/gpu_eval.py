"""Evaluation of PSPNet-50 over six scales and mirror images in PyTorch, as the reference's test program does it: crops, sums and
resizing on the host, one crop with its mirror image at a time on the GPU."""

import math
import os
import time

import cv2
import numpy as np
import torch

import gpu_networks

SCALES = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
STD = np.array([0.229, 0.224, 0.225], np.float32) * 255


def picture(height, width, seed):
    """Smooth colours at two sizes of detail, as uint8 RGB."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((6, 1.0), (60, 0.5)):
        noise = random.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 60 * image, 0, 255).astype(np.uint8)


def resize(image, width, height):
    """Of any number of channels: OpenCV 5 takes 128, OpenCV 4 takes 512. Pieces are of equal size, none so thin that it is computed in
    another way."""
    channels = image.shape[2]
    step = math.ceil(channels / math.ceil(channels / 128))
    if step == channels:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    resized = np.empty((height, width, channels), image.dtype)
    for first in range(0, channels, step):
        part = np.s_[:, :, first : first + step]
        resized[part] = cv2.resize(image[part], (width, height), interpolation=cv2.INTER_LINEAR)
    return resized


def tensor_of(crop, device):
    return torch.from_numpy(((crop - MEAN) / STD).transpose(2, 0, 1).copy()).to(device)


class Slide:
    def __init__(self, net, classes, crop, base_size, device):
        self.net, self.classes, self.crop, self.base_size, self.device = net, classes, crop, base_size, device

    def probabilities(self, crop):
        """(crop, crop, classes) of the network and of its view of the mirror image."""
        x = tensor_of(crop, self.device)
        with torch.no_grad():
            y = self.net(torch.stack([x, x.flip(2)])).float().softmax(1)
            return ((y[0] + y[1].flip(2)) / 2).cpu().numpy().transpose(1, 2, 0)

    def of_scale(self, image, height, width):
        """(height, width, classes), averaged over crops."""
        rows, columns = max(self.crop - image.shape[0], 0), max(self.crop - image.shape[1], 0)
        top, left = rows // 2, columns // 2
        padded = image
        if rows or columns:
            edges = (top, rows - top, left, columns - left)
            padded = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=MEAN.tolist())
        h, w = padded.shape[:2]
        stride = math.ceil(self.crop * 2 / 3)
        total = np.zeros((h, w, self.classes), np.float32)
        count = np.zeros((h, w, 1), np.float32)
        for i in range(math.ceil((h - self.crop) / stride) + 1):
            for k in range(math.ceil((w - self.crop) / stride) + 1):
                bottom, right = min(i * stride + self.crop, h), min(k * stride + self.crop, w)
                here = np.s_[bottom - self.crop : bottom, right - self.crop : right]
                total[here] += self.probabilities(padded[here])
                count[here] += 1
        total /= count
        inside = total[top : top + image.shape[0], left : left + image.shape[1]]
        return resize(inside, width, height)

    def label(self, image):
        height, width = image.shape[:2]
        total = np.zeros((height, width, self.classes), np.float32)
        for scale in SCALES:
            longer = round(scale * self.base_size)
            size = (longer, round(longer / height * width)) if height > width else (round(longer / width * height), longer)
            total += self.of_scale(resize(image, size[1], size[0]), height, width)
        return total.argmax(2).astype(np.uint8)


def run(peer):
    """Gives (name, result) pairs. PNGs, list/test.txt, weights.pth and the label maps in gray/ are left in the folder."""
    args = peer.args
    small = args.small
    classes, crop, base = (7, 65, 80) if small else (150, 473, 512)
    height, width = (64, 85) if small else (512, 683)
    folder = args.folder
    for part in ("list", "gray"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    images = [picture(height, width, seed) for seed in range(args.images)]
    names = ["image%d.png" % i for i in range(args.images)]
    for name, image in zip(names, images):
        cv2.imwrite(os.path.join(folder, name), image[:, :, ::-1])
    with open(os.path.join(folder, "list/test.txt"), "w") as out:
        out.writelines(name + "\n" for name in names)
    net = gpu_networks.randomise_norms(peer.network("pspnet50")).eval()
    first = cv2.resize(images[0], (crop, crop)).astype(np.float32)
    gpu_networks.spread_classes(net, tensor_of(first, args.device)[None])
    torch.save({k: v.contiguous().cpu() for k, v in net.state_dict().items()}, os.path.join(folder, "weights.pth"))
    images, names = images[: args.timed], names[: args.timed]
    slide = Slide(net, classes, crop, base, args.device)
    for name, tf32 in (("eval_f32", False), ("eval_tf32", True)):
        torch.backends.cudnn.allow_tf32 = tf32  # True is PyTorch's own choice
        slide.label(images[0].astype(np.float32))
        peer.wait()
        start = time.perf_counter()
        maps = [slide.label(image.astype(np.float32)) for image in images]
        seconds = (time.perf_counter() - start) / len(images)
        if not tf32:
            for file, found in zip(names, maps):
                cv2.imwrite(os.path.join(folder, "gray", file), found)
        yield name, {"s_per_image": seconds, "images": len(images), "classes": int(len(np.unique(np.stack(maps))))}
