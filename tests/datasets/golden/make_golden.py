#!/usr/bin/env python3
"""Writes transforms.txt and transforms.bin: outputs of the reference's own transforms for given draws.

usage: make_golden.py SEMSEG_CHECKOUT     (needs numpy, OpenCV 4.6, PyTorch)

transforms.txt: one case a line, `name height width scale aspect angle blur flip crop_y crop_x` with `-` for no angle and for
a centre crop, crop as fractions of the room; the first line is `input height width`. transforms.bin: for each line in
order the image (input: u8, case: f32) and the label (u8).
"""
import collections
import collections.abc
import pathlib
import sys

import numpy as np

collections.Iterable = collections.abc.Iterable  # the reference is older than Python 3.10
sys.path.insert(0, sys.argv[1])
from util import transform  # noqa: E402

MEAN = [m * 255 for m in (0.485, 0.456, 0.406)]
STD = [s * 255 for s in (0.229, 0.224, 0.225)]


class ForcedDraws:
    """Stands for the module `random` in the reference: gives the listed fractions, in order."""

    def __init__(self, fractions):
        self.fractions = list(fractions)

    def random(self):
        return self.fractions.pop(0)

    def randint(self, low, high):
        return low + min(high - low, int(self.fractions.pop(0) * (high - low + 1)))


def make_input(height, width):
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([(x * 9 + y * 3) % 256, (x * y) % 256, (x // 4 * 50 + y // 3 * 35) % 256], axis=2)
    label = (x // 5 + 2 * (y // 6)) % 9
    label[2:5, 3:9] = 255
    return image.astype(np.uint8), label.astype(np.uint8)


def main():
    folder = pathlib.Path(__file__).parent
    image, label = make_input(20, 27)
    # name, crop size or None (as large as the image), scale (with aspect ratio), angle, blur, flip, crop fractions or None (centre)
    cases = [
        ('scale_up', None, 1.37, None, 0, 0, None),
        ('scale_down', None, 0.63, None, 0, 0, None),
        ('scale_aspect', None, (1.2, 1.7), None, 0, 0, None),
        ('rotate', None, 1, 7.3, 0, 0, None),
        ('rotate_back', None, 1, -9.1, 0, 0, None),
        ('blur', None, 1, None, 1, 0, None),
        ('flip', None, 1, None, 0, 1, None),
        ('centre_padded', (25, 32), 1, None, 0, 0, None),
        ('centre', (10, 12), 1, None, 0, 0, None),
        ('crop', (11, 16), 1, None, 0, 0, (0.3, 0.99)),
        ('all', (24, 24), 1.8, 8.25, 1, 1, (0.71, 0.12)),
        ('all_padded', (14, 30), 0.8, -3.5, 1, 1, (0.5, 0.5)),
    ]
    lines = ['input %d %d' % label.shape]
    data = image.tobytes() + label.tobytes()
    for name, size, scale, angle, blur, flip, crop in cases:
        # The draws in the order in which the reference takes them.
        scale, aspect = scale if isinstance(scale, tuple) else (scale, None)
        fractions = [0.0, 0.0] if aspect else [0.0]
        fractions += [0.0, 0.0] if angle is not None else [0.9]
        fractions += [0.0 if blur else 0.9, 0.0 if flip else 0.9]
        fractions += crop or []
        transform.random = ForcedDraws(fractions)
        steps = [
            transform.RandScale([scale, scale + 1], [aspect, aspect + 1] if aspect else None),
            transform.RandRotate([angle or 0, (angle or 0) + 1], padding=MEAN, ignore_label=255),
            transform.RandomGaussianBlur(),
            transform.RandomHorizontalFlip(),
        ]
        out = transform.Compose(steps)(np.float32(image), label)
        size = size or out[1].shape
        out = transform.Compose([
            transform.Crop(list(size), crop_type='rand' if crop else 'center', padding=MEAN, ignore_label=255),
            transform.ToTensor(),
            transform.Normalize(mean=MEAN, std=STD),
        ])(*out)
        assert not transform.random.fractions, name
        data += out[0].numpy().transpose(1, 2, 0).tobytes() + out[1].numpy().astype(np.uint8).tobytes()
        lines.append(' '.join([name, *map(str, size), repr(scale), repr(aspect or 1), repr(angle) if angle is not None else '-',
                               str(blur), str(flip), *(map(repr, crop) if crop else '--')]))
    (folder / 'transforms.txt').write_text('\n'.join(lines) + '\n')
    (folder / 'transforms.bin').write_bytes(data)


main()
