"""Reads with the safetensors package: the copy of a file must equal it, and both forms of a checkpoint each other."""

import os
import sys

import numpy as np
from safetensors import safe_open


def read(path):
    """name -> (dtype, shape, values as far as NumPy has the type)"""
    tensors = {}
    with safe_open(path, framework="np") as file:
        for name in file.keys():
            part = file.get_slice(name)
            dtype = part.get_dtype()
            values = None if dtype == "BF16" else file.get_tensor(name)
            tensors[name] = (dtype, part.get_shape(), values)
    assert tensors, path
    return tensors


def check_equal(a, b):
    assert a.keys() == b.keys(), (sorted(a), sorted(b))
    for name in a:
        assert a[name][:2] == b[name][:2], name
        assert a[name][2] is None or np.array_equal(a[name][2], b[name][2]), name


def cleaned(tensors):
    """Names as grun has them: without DataParallel's scope and counters of batches."""
    names = {name: name.removeprefix("module.") for name in tensors if not name.endswith("num_batches_tracked")}
    return {clean: tensors[name] for name, clean in names.items()}


original, folder = sys.argv[1:]
check_equal(cleaned(read(original)), read(os.path.join(folder, "again.safetensors")))
for kind in ("plain", "checkpoint", "dtypes", "views"):
    check_equal(*(read(os.path.join(folder, form + "_" + kind + ".safetensors")) for form in ("zip", "legacy")))
plain = read(os.path.join(folder, "zip_plain.safetensors"))
assert plain["conv.weight"][:2] == ("F32", [3, 2, 3, 3]), plain["conv.weight"][:2]
check_equal(plain, read(os.path.join(folder, "zip_checkpoint.safetensors")))
print("read and equal")
