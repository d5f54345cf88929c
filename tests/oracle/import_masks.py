#!/usr/bin/env python3
"""Writes shapes and the pixels that COCO's and LabelMe's own tools make of them, for tests/datasets/test_import.cpp.

usage: import_masks.py -o tests/datasets/golden/import     (needs numpy, pycocotools, labelme and what of it
`labelme.utils.shape` imports)

Each file is a list of cases; `pixels` is the mask as COCO's compressed run lengths.
"""
import argparse
import base64
import importlib.util
import io
import json
import pathlib
import sys
import types

import numpy as np
import PIL.Image
from pycocotools import mask as coco


def labelme_shape():
    """labelme.utils.shape without the package around it, which wants a window system."""
    spec = importlib.util.find_spec('labelme')
    stub = types.ModuleType('labelme')
    label_file = types.ModuleType('labelme._label_file')
    label_file.ShapeDict = dict
    sys.modules.update({'labelme': stub, 'labelme._label_file': label_file})
    folder = pathlib.Path(spec.submodule_search_locations[0])
    found = next(path for path in folder.rglob('shape.py') if 'shape_to_mask' in path.read_text())
    loaded = importlib.util.spec_from_file_location('shape', found)
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    return module


def packed(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))['counts'].decode()


def rounded(values):
    return [round(float(v), 2) for v in values]


def polygon(random, height, width, points):
    """Of any kind: convex, crossing itself, outside the image, of whole numbers, with points that repeat."""
    low, high = random.choice([0, -0.4]), random.choice([1, 1.4])
    xy = np.stack([random.uniform(low * width, high * width, points), random.uniform(low * height, high * height, points)], 1)
    kind = random.integers(4)
    if kind == 1:
        xy = np.floor(xy)
    if kind == 2:
        centre = xy.mean(0)
        xy = xy[np.argsort(np.arctan2(*(xy - centre).T))]
    if kind == 3:
        xy[1:, random.integers(2)][::2] = xy[0, 0] if random.integers(2) else np.floor(xy[0, 1])
        xy = np.repeat(xy, random.integers(1, 3), axis=0)
    return xy


def coco_polygons(random):
    cases = []
    for _ in range(200):
        height, width = (int(v) for v in random.integers(1, 60, 2))
        polygons = [rounded(polygon(random, height, width, random.integers(3, 12)).reshape(-1))
                    for _ in range(random.integers(1, 4))]
        merged = coco.merge(coco.frPyObjects(polygons, height, width))
        cases.append({'height': height, 'width': width, 'polygons': polygons, 'pixels': merged['counts'].decode()})
    return cases


def coco_runs(random):
    cases = []
    for _ in range(200):
        height, width = (int(v) for v in random.integers(1, 60, 2))
        mask = np.kron(random.random((height // 8 + 1, width // 8 + 1)) > random.random(), np.ones((8, 8)))[:height, :width]
        mask = (mask + (random.random((height, width)) > 0.98)) % 2
        column = np.concatenate([[0], mask.T.reshape(-1), [-1]])
        runs = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(column)), [mask.size]])) if mask.size else []
        runs = [int(r) for r in runs]
        if sum(runs) != mask.size or column[1] == 1 and runs[0] != 0:
            raise AssertionError('runs')
        cases.append({'height': height, 'width': width, 'runs': runs, 'pixels': packed(mask)})
        unpacked = coco.decode(coco.frPyObjects({'size': [height, width], 'counts': runs}, height, width))
        assert (unpacked == mask).all()
    return cases


def labelme_shapes(random):
    shape = labelme_shape()
    cases = []
    types_ = ['polygon'] * 8 + ['rectangle', 'rectangle', 'circle', 'circle', 'circle', 'line', 'line', 'linestrip', 'point', 'oriented_rectangle']
    for i in range(220):
        kind = types_[i % len(types_)] if i < 200 else 'mask'
        height, width = (int(v) for v in random.integers(12, 70, 2))
        count = {'polygon': random.integers(3, 14), 'linestrip': random.integers(2, 6), 'point': 1,
                 'oriented_rectangle': 4}.get(kind, 2)
        points = [rounded(p) for p in polygon(random, height, width, count)[:count]]
        case = {'height': height, 'width': width, 'shape': {'label': 'a', 'shape_type': kind, 'points': points}}
        if kind == 'mask':
            x, y = sorted(int(v) for v in random.integers(0, width, 2)), sorted(int(v) for v in random.integers(0, height, 2))
            part = random.random((y[1] - y[0] + 1, x[1] - x[0] + 1)) > 0.5
            case['shape']['points'] = [[x[0], y[0]], [x[1], y[1]]]
            file = io.BytesIO()
            PIL.Image.fromarray(part.astype(np.uint8) * 255 if i % 2 else part).save(file, 'PNG')
            case['shape']['mask'] = base64.b64encode(file.getvalue()).decode()
            label, _ = shape.shapes_to_label((height, width), [{**case['shape'], 'mask': part}], {'a': 1})
            mask = label == 1
        else:
            mask = shape.shape_to_mask((height, width), points, kind)
        case['pixels'] = packed(mask)
        cases.append(case)
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-o', type=pathlib.Path, required=True)
    folder = parser.parse_args().o
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (('coco_polygons', coco_polygons), ('coco_runs', coco_runs), ('labelme_shapes', labelme_shapes)):
        lines = ',\n'.join(json.dumps(case, separators=(',', ':')) for case in make(np.random.default_rng(1)))
        (folder / f'{name}.json').write_text(f'[{lines}]\n')


if __name__ == '__main__':
    main()
