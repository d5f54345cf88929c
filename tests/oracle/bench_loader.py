#!/usr/bin/env python3
"""Images a second of the reference's loader and of graphrun's, one core each, in turn.

Both read the samples of the split and make normalised training crops by the recipe of the network (default pspnet50):
scale, rotation, blur, flip, crop. --list is the split's list of `image label` lines for the reference, relative to --files. The reference runs in this process with one thread and no worker processes; graphrun is
`grun data bench --workers 1`. The ratio is of images per second of CPU time, so that other programs on the machine
count little. Needs numpy, OpenCV, PyTorch; prints a line a pair and the medians.
"""
import argparse
import collections
import collections.abc
import contextlib
import io
import json
import statistics
import subprocess
import sys
import time

import cv2
import torch

collections.Iterable = collections.abc.Iterable  # the reference is older than Python 3.10

MEAN = [m * 255 for m in (0.485, 0.456, 0.406)]
STD = [s * 255 for s in (0.229, 0.224, 0.225)]


def reference_loader(args, height, width):
    from util import dataset, transform
    steps = transform.Compose([
        transform.RandScale([0.5, 2.0]),
        transform.RandRotate([-10, 10], padding=MEAN, ignore_label=255),
        transform.RandomGaussianBlur(),
        transform.RandomHorizontalFlip(),
        transform.Crop([height, width], crop_type='rand', padding=MEAN, ignore_label=255),
        transform.ToTensor(),
        transform.Normalize(mean=MEAN, std=STD),
    ])
    with contextlib.redirect_stdout(io.StringIO()):
        data = dataset.SemData('train', args.files or args.data_root, args.list, steps)
    return torch.utils.data.DataLoader(data, batch_size=min(16, len(data)), shuffle=True, num_workers=0,
                                       drop_last=True)


def run_reference(loader, seconds):
    next(iter(loader))
    images = 0
    clock, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - clock < seconds:
        for image, _ in loader:
            images += len(image)
            if time.monotonic() - clock >= seconds:
                break
    return images / (time.monotonic() - clock), images / (time.process_time() - cpu)


def run_graphrun(args):
    out = subprocess.run([args.grun, 'data', 'bench', args.dataset, '--data-root', args.data_root, '--split', args.split,
                          '--network', args.network, '--workers', '1', '--seconds', str(args.seconds), '--json'],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--semseg', required=True)
    parser.add_argument('--grun', default='grun')
    parser.add_argument('--dataset', required=True)
    parser.add_argument('--data-root', required=True)
    parser.add_argument('--list', required=True)
    parser.add_argument('--files', help='the data root, if not given')
    parser.add_argument('--split', default='train')
    parser.add_argument('--network', default='pspnet50')
    parser.add_argument('--seconds', type=float, default=4)
    parser.add_argument('--pairs', type=int, default=5)
    args = parser.parse_args()
    sys.path.insert(0, args.semseg)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    size = run_graphrun(args)
    loader = reference_loader(args, size['train_h'], size['train_w'])
    print(f"{args.dataset} {args.split}, crops of {size['train_h']} x {size['train_w']}; "
          f"OpenCV {cv2.__version__}, PyTorch {torch.__version__}")
    rows = []
    for _ in range(args.pairs):
        ours = run_graphrun(args)
        wall, cpu = run_reference(loader, args.seconds)
        rows.append((wall, cpu, ours['images_per_s'], 1000 / ours['cpu_ms_per_image']))
        print('reference %.1f images/s (%.1f by CPU time), graphrun %.1f (%.1f): %.2f x (%.2f x by CPU time)'
              % (wall, cpu, rows[-1][2], rows[-1][3], rows[-1][2] / wall, rows[-1][3] / cpu))
    print('medians by CPU time: reference %.1f, graphrun %.1f images/s a core, ratio %.2f' % (
        statistics.median(r[1] for r in rows), statistics.median(r[3] for r in rows),
        statistics.median(r[3] / r[1] for r in rows)))


main()
