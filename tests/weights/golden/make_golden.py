#!/usr/bin/env python3
"""Writes the golden files of this folder: checkpoints by PyTorch 1.13, arrays by NumPy 1.24, safetensors 0.8.

Element i of a tensor, in row-major order, is start + i / 2; tests compute the same.
"""
import argparse
import collections
import os

import numpy
import safetensors.numpy
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def ramp(shape, start, dtype=torch.float32):
    count = int(numpy.prod(shape))
    return (start + torch.arange(count, dtype=torch.float64) / 2).reshape(shape).to(dtype)


def save(name, value, **options):
    torch.save(value, os.path.join(HERE, name), **options)


def both(name, value):
    save(f"zip_{name}.pth", value)
    save(f"legacy_{name}.pth", value, _use_new_zipfile_serialization=False)


def network():
    net = torch.nn.Sequential(
        collections.OrderedDict(conv=torch.nn.Conv2d(2, 3, 3), bn=torch.nn.BatchNorm2d(3)))
    with torch.no_grad():
        net.conv.weight.copy_(ramp((3, 2, 3, 3), 1))
        net.conv.bias.copy_(ramp((3,), 2))
        net.bn.weight.copy_(ramp((3,), 3))
        net.bn.bias.copy_(ramp((3,), 4))
        net.bn.running_mean.copy_(ramp((3,), 5))
        net.bn.running_var.copy_(ramp((3,), 6))
    return net


def checkpoint():
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    net(torch.zeros(2, 2, 4, 4)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        net.load_state_dict(network().state_dict())
    state = collections.OrderedDict(("module." + k, v) for k, v in net.state_dict().items())
    state["module.criterion.weight"] = ramp((3,), 0)
    return {"epoch": 7, "arch": "net", "best": 0.5, "note": b"bytes", "args": argparse.Namespace(lr=0.01),
            "shape": torch.Size([1, 2]), "state_dict": state, "optimizer": optimizer.state_dict()}


def views():
    base = ramp((4, 6), 0)
    storage = ramp((10,), 100)
    return {"base": base, "transposed": base.t(), "column": base[:, 1], "block": base[1:3, 2:5:2],
            "first": storage[:4], "last": storage[4:], "expanded": ramp((1, 3), 7).expand(2, 3),
            "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "permuted": ramp((2, 3, 4, 5), 0).permute(3, 1, 0, 2)}


def dtypes():
    return {"parameter": torch.nn.Parameter(ramp((3,), 1)), "f64": ramp((3,), -1, torch.float64),
            "f16": ramp((3,), -1, torch.float16), "bf16": ramp((3,), -1, torch.bfloat16),
            "i64": ramp((3,), -1, torch.int64), "i32": ramp((3,), -1, torch.int32),
            "u8": ramp((3,), 1, torch.uint8)}


class Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)


def main():
    both("plain", network().state_dict())
    both("checkpoint", checkpoint())
    both("nested", {"model": {"state_dict": checkpoint()["state_dict"], "epoch": 7}})
    both("views", views())
    both("dtypes", dtypes())
    both("evil", {"state_dict": {"weight": torch.zeros(2)}, "extra": Evil()})
    both("bool", {"mask": torch.zeros(2, dtype=torch.bool)})
    save("zip_protocol4.pth", network().state_dict(), pickle_protocol=4)
    save("legacy_protocol4.pth", network().state_dict(), pickle_protocol=4, _use_new_zipfile_serialization=False)
    save("zip_twice.pth", {"weight": torch.zeros(2), "module.weight": torch.zeros(2)})
    save("zip_no_tensors.pth", {"net": {"weight": torch.zeros(2)}, "epoch": 3})

    arrays = {name: t.numpy() for name, t in dtypes().items() if name not in ("bf16", "parameter")}
    arrays["scalar"] = numpy.array(2.5, numpy.float32)
    arrays["module.bn.num_batches_tracked"] = numpy.array(3, numpy.int64)
    arrays["module.weight"] = ramp((2, 3), 1).numpy()
    safetensors.numpy.save_file(arrays, os.path.join(HERE, "plain.safetensors"), {"made by": "safetensors"})

    for name, array in {"matrix": ramp((2, 3), 1).numpy(), "vector": ramp((5,), -1, torch.int32).numpy(),
                        "scalar": numpy.array(2.5), "image": ramp((1, 3, 2, 4), 0).numpy()}.items():
        numpy.save(os.path.join(HERE, name + ".npy"), array)
    numpy.save(os.path.join(HERE, "fortran.npy"), numpy.asfortranarray(ramp((2, 3), 1).numpy()))


if __name__ == "__main__":
    main()
