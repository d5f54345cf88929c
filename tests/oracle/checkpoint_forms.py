#!/usr/bin/env python3
"""Writes tests/weights/golden/forms and tests/weights/golden/others: one small network's state_dict in the forms in
which trainers save it, and files of other kinds that are taken for checkpoints. Wants PyTorch and NumPy.

Every file of forms/ holds the tensors of network(), whatever else is in it; others/expected.txt has for each file there
a part of the message that says what it is.
"""
import argparse
import bz2
import collections
import datetime
import decimal
import enum
import fractions
import functools
import gzip
import io
import json
import lzma
import os
import pathlib
import pickle
import struct
import sys
import tarfile
import types
import zipfile

import numpy
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "weights", "golden")

SHAPES = {"conv.weight": (2, 3, 1, 1), "conv.bias": (2,), "bn.weight": (2,), "bn.bias": (2,),
          "bn.running_mean": (2,), "bn.running_var": (2,), "head.weight": (4, 2, 1, 1)}


def ramp(shape, start):
    count = int(numpy.prod(shape))
    return (start + torch.arange(count, dtype=torch.float32) / 2).reshape(shape)


def network(offset=0.0):
    """Tensor i begins with i + offset; all values are exact in 16 bits."""
    return collections.OrderedDict((name, ramp(shape, i + offset)) for i, (name, shape) in enumerate(SHAPES.items()))


def prefixed(prefix, values=None):
    return collections.OrderedDict((prefix + name, value) for name, value in (values or network()).items())


def module_of(name, **members):
    """A module that exists while this script runs alone: its classes cannot be found where the file is read."""
    module = types.ModuleType(name)
    for member, value in members.items():
        value.__module__ = name
        value.__qualname__ = member
        value.__name__ = member
        setattr(module, member, value)
    parts = name.split(".")
    for i in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    sys.modules[name] = module
    return module


class Plain:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def some_class(module, name, base=Plain):
    made = type(name, (base,), {})
    module_of(module, **{name: made})
    return made


def optimizer_state(kind):
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = kind([parameter], lr=0.1, **({"momentum": 0.9} if kind is torch.optim.SGD else {}))
    parameter.grad = torch.ones(3)
    optimizer.step()
    return optimizer.state_dict()


def batch_counters():
    return dict(network(), **{"bn.num_batches_tracked": torch.tensor(7)})


def views():
    flat = torch.cat([value.reshape(-1) for value in network().values()])
    at, result = 0, {}
    for name, value in network().items():
        result[name] = flat[at:at + value.numel()].view(value.shape)
        at += value.numel()
    return result


def strided():
    def turned(value):
        if value.dim() != 4:
            return value
        return value.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    return {name: turned(value) for name, value in network().items()}


def with_attributes():
    result = {}
    for name, value in network().items():
        parameter = torch.nn.Parameter(value)
        parameter.ds_id = 3
        result[name] = parameter
    return result


class Marked(torch.Tensor):
    pass


def lightning(**more):
    return dict({"epoch": 3, "global_step": 120, "pytorch-lightning_version": "2.4.0",
                 "state_dict": prefixed("model."), "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {
                     "total": {"ready": 4, "completed": 3}, "current": {"ready": 4}}}},
                 "callbacks": {"ModelCheckpoint{'monitor': 'val_iou'}": {
                     "best_model_score": torch.tensor(0.5), "best_model_path": "/x/epoch=3.ckpt",
                     "best_k_models": {"/x/epoch=3.ckpt": torch.tensor(0.5)}, "kth_value": torch.tensor(0.5)}},
                 "optimizer_states": [optimizer_state(torch.optim.AdamW)],
                 "lr_schedulers": [{"base_lrs": [0.1], "last_epoch": 3, "_last_lr": [0.05]}],
                 "hparams_name": "kwargs", "hyper_parameters": {"lr": 0.1, "path": pathlib.PurePosixPath("/data")}}, **more)


def mmengine():
    buffer = some_class("mmengine.logging.history_buffer", "HistoryBuffer")
    history = buffer(_max_length=1000, _log_history=numpy.arange(4.0), _count_history=numpy.ones(4, numpy.int64),
                     _statistics_methods={"mean": len})
    return {"meta": {"seed": 1, "epoch": 2, "iter": 40, "cfg": "model = dict(type='EncoderDecoder')\n",
                     "dataset_meta": {"classes": ("a", "b"), "palette": [[0, 0, 0], [1, 1, 1]]},
                     "mmengine_version": "0.10.4", "time": "20240101_000000"},
            "state_dict": network(),
            "message_hub": {"log_scalars": {"train/loss": history, "train/lr": history},
                            "runtime_info": {"loop_stage": "train", "best": numpy.float64(0.5)},
                            "resumed_keys": {"train/loss": True}},
            "optimizer": optimizer_state(torch.optim.SGD),
            "param_schedulers": [{"param_name": "lr", "begin": 0, "end": 40000, "power": 0.9}]}


def odd_objects():
    color = enum.Enum("Color", "RED GREEN", module="project.colors")
    module_of("project.colors")
    sys.modules["project.colors"].Color = color
    config = some_class("project.options", "Config", dict)
    options = some_class("project.trainer", "Options")
    return {"color": color.RED, "config": config(a=1, b=[1, 2]), "options": options(lr=0.1, inner=options(x=1)),
            "path": pathlib.PosixPath("/tmp/x"), "time": datetime.datetime(2024, 1, 2, 3, 4, 5),
            "day": datetime.date(2024, 1, 2), "step": datetime.timedelta(1), "set": {1, 2}, "frozen": frozenset([1]),
            "default": collections.defaultdict(list, a=[1]), "counter": collections.Counter("abc"),
            "queue": collections.deque([1, 2], maxlen=3), "range": range(3), "complex": 1 + 2j,
            "decimal": decimal.Decimal("1.5"), "fraction": fractions.Fraction(1, 2), "slice": slice(1, 2),
            "partial": functools.partial(int, base=2), "function": os.path.join, "type": int, "bytes": b"abc",
            "array": bytearray(b"abc"), "big": 10 ** 40, "text": "ü", "nothing": None, "nested": [(), [], {}],
            "nan": float("nan")}


def forms():
    """(name, object, torch.save's options)"""
    yield "plain", network(), {}
    yield "legacy", network(), {"_use_new_zipfile_serialization": False}
    yield "dict", dict(network()), {}
    yield "protocol4", network(), {"pickle_protocol": 4}
    yield "protocol5", {"state_dict": network(), "x": bytearray(b"abc")}, {"pickle_protocol": 5}
    for key in ("state_dict", "model", "model_state_dict", "net", "network", "model_state", "generator", "weights"):
        yield "nest_" + key, {"epoch": 3, key: network(), "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}, {}
    yield "nest_twice", {"checkpoint": {"model": network(), "step": 3}}, {}
    yield "list", [network(), 5], {}
    yield "tuple", (network(), {"lr": 0.1}), {}
    yield "only_ema", {"epoch": 3, "state_dict_ema": network()}, {}
    yield "model_and_ema", {"model": network(), "ema": network(0.5), "updates": 3}, {}
    yield "esrgan", {"params_ema": network(0.5), "params": network()}, {}
    for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.", "module.module.",
                   "model.module.", "_fsdp_wrapped_module.", "student.model."):
        yield "prefix_" + prefix.strip(".").replace(".", "-"), prefixed(prefix), {}
    yield "inner_wrapper", {("head._orig_mod.weight" if name == "head.weight" else name): value
                            for name, value in network().items()}, {}
    yield "inner_checkpointing", {("conv._checkpoint_wrapped_module." + name[5:] if name.startswith("conv.") else name): value
                                  for name, value in network().items()}, {}
    yield "data_parallel", {"epoch": 3, "state_dict": prefixed("module.", batch_counters())}, {}
    yield "lightning", lightning(), {}
    both = prefixed("model.")
    both.update(prefixed("ema_model.module.", network(0.5)))
    both["criterion.weight"] = torch.ones(4)
    both["val_iou.confmat"] = torch.zeros(4, 4, dtype=torch.int64)
    yield "lightning_ema", lightning(state_dict=both), {}
    yield "mmengine", mmengine(), {}
    yield "mmcv", {"meta": {"mmcv_version": "1.7.0", "CLASSES": ["a"], "PALETTE": None, "time": "Mon"},
                   "state_dict": prefixed("module."), "optimizer": optimizer_state(torch.optim.SGD)}, \
        {"_use_new_zipfile_serialization": False}
    yield "timm", {"epoch": 3, "arch": "resnet50", "state_dict": network(), "optimizer": optimizer_state(torch.optim.SGD),
                   "version": 2, "args": argparse.Namespace(lr=0.1, data_dir="/x", mean=(0.5, 0.5), amp=True),
                   "amp_scaler": {"scale": 65536.0, "_growth_tracker": 5}, "state_dict_ema": network(0.5),
                   "metric": 71.5}, {}
    yield "smp", {"epoch": 3, "model_state_dict": network(), "optimizer_state_dict": optimizer_state(torch.optim.AdamW),
                  "loss": torch.tensor(0.25), "best_iou": numpy.float64(0.5)}, {}
    yield "semseg", {"epoch": 200, "state_dict": prefixed("module."), "optimizer": optimizer_state(torch.optim.SGD)}, \
        {"_use_new_zipfile_serialization": False}
    yield "spnet", {"epoch": 3, "state_dict": batch_counters(), "optimizer": optimizer_state(torch.optim.SGD),
                    "best_pred": numpy.float64(0.5), "pred": numpy.float32(0.5), "ious": numpy.ones(3)}, {}
    yield "deepspeed", {"module": network(), "global_steps": 3, "dp_world_size": 2, "ds_version": "0.14",
                        "ds_config": {"zero_optimization": {"stage": 1}}, "buffer_names": ["bn.running_mean"]}, {}
    yield "averaged_model", dict(prefixed("module."), n_averaged=torch.tensor(3)), {}
    online = prefixed("online_model.")
    online.update(prefixed("ema_model.", network(0.5)))
    online.update(initted=torch.tensor(True), step=torch.tensor(3))
    yield "ema_pytorch", online, {}
    yield "f16", {name: value.half() for name, value in network().items()}, {}
    yield "bf16", {name: value.bfloat16() for name, value in network().items()}, {}
    yield "f64", {name: value.double() for name, value in network().items()}, {}
    yield "mixed_types", {name: value.half() if value.dim() > 1 else value for name, value in network().items()}, {}
    yield "channels_last", {name: value.to(memory_format=torch.channels_last) if value.dim() == 4 else value
                            for name, value in network().items()}, {}
    yield "strided", strided(), {}
    yield "one_storage", views(), {}
    yield "one_storage_legacy", views(), {"_use_new_zipfile_serialization": False}
    yield "parameters", {name: torch.nn.Parameter(value) for name, value in network().items()}, {}
    yield "parameters_with_attributes", with_attributes(), {}
    module_of("project.tensors", Marked=Marked)
    yield "tensor_subclass", {name: value.as_subclass(Marked) for name, value in network().items()}, {}
    yield "tied", dict(network(), **{"head.tied_index": torch.arange(3)}), {}
    yield "counters", batch_counters(), {}
    yield "namespace", {"state_dict": network(), "args": argparse.Namespace(
        lr=0.1, data=pathlib.PurePosixPath("/x"), sizes=(1, 2), device=torch.device("cpu"))}, {}
    yield "odd_objects", {"state_dict": network(), "meta": odd_objects()}, {}
    yield "odd_objects_legacy", {"state_dict": network(), "meta": odd_objects()}, {"_use_new_zipfile_serialization": False}
    yield "odd_objects_protocol4", {"state_dict": network(), "meta": odd_objects()}, {"pickle_protocol": 4}
    yield "torch_objects", {"state_dict": network(), "t": torch.float16, "d": torch.device("cuda:0"),
                            "s": torch.Size([1, 2]), "l": torch.strided,
                            "rng": torch.get_rng_state()[:64].clone()}, {}
    yield "optimizer_adamw", {"net": network(), "opt": optimizer_state(torch.optim.AdamW)}, {}
    yield "optimizer_by_name", {"model": network(), "optimizer": {
        "exp_avg": network(0.5), "exp_avg_sq": network(1.5), "step": 3}}, {}
    yield "integers_beside", dict(network(), position_ids=torch.arange(3), mask=torch.ones(3, dtype=torch.bool),
                                  small=torch.zeros(3, dtype=torch.int8), short=torch.zeros(3, dtype=torch.int16),
                                  unsigned=torch.zeros(3, dtype=torch.uint16)), {}
    yield "sparse_beside", dict(network(), adjacency=torch.eye(4).to_sparse()), {}
    yield "quantised_beside", dict(network(), q=torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)), {}
    yield "complex_beside", dict(network(), freqs=torch.zeros(4, dtype=torch.complex64)), {}
    yield "f8_beside", dict(network(), cache=torch.zeros(4, dtype=torch.float8_e4m3fn)), {}
    config = some_class("project.options", "Config", dict)
    yield "dict_subclass", {"model": config(network())}, {}
    state = some_class("project.state", "TrainState")
    yield "attribute", state(step=3, model=network(), name="x"), {}


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def protobuf(number, payload):
    assert number < 16 and len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def zipped(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def members_of(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def tarred(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.conv(x)


def others():
    """(name, bytes, part of the message)"""
    plain = saved(network())
    arrays = {name: value.numpy() for name, value in network().items()}
    yield "empty.pth", b"", "the file is empty"
    yield "page.pth", b"<!DOCTYPE html><html><body>Google Drive - Virus scan warning</body></html>", "an HTML page"
    yield "page_bom.pth", b"\xef\xbb\xbf\r\n <HTML><head></head></HTML>", "an HTML page"
    yield "s3.pth", b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>', "an XML text"
    yield "openvino.xml", b'<?xml version="1.0"?>\n<net name="x" version="11"><layers/></net>', "an OpenVINO network"
    yield "lfs.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a git-lfs pointer"
    yield "missing.pth", b"404: Not Found", "a text, not weights; it begins with '404: Not Found'"
    yield "config.yaml", b"# model\nTRAIN:\n  arch: psp\n", "a text, not weights"
    yield "net.py", b"import torch\n\nclass Net:\n    pass\n", "a text, not weights"
    yield "settings.json", b'{"base_lr": 0.01}', "a JSON text"
    yield "model.safetensors.index.json", json.dumps({"metadata": {"total_size": 1}, "weight_map": {
        "a": "model-00001-of-00002.safetensors"}}).encode(), "the index of weights"
    yield "weights.pth.gz", gzip.compress(plain, mtime=0)[:200], "compressed with gzip"
    yield "weights.pth.bz2", bz2.compress(plain)[:200], "compressed with bzip2"
    yield "weights.pth.xz", lzma.compress(plain)[:200], "compressed with xz"
    yield "weights.pth.zst", b"\x28\xb5\x2f\xfd" + bytes(60), "compressed with zstd"
    yield "weights.7z", b"7z\xbc\xaf\x27\x1c" + bytes(60), "a 7z archive"
    yield "weights.rar", b"Rar!\x1a\x07\x01\x00" + bytes(60), "a RAR archive"
    yield "weights.tar", tarred({"weights.pth": plain[:64]}), "a tar archive"
    yield "torch_0_1_9.pth", tarred({"sys_info": b"x", "pickle": b"x", "storages": b"x", "tensors": b"x"}), \
        "the tar format of PyTorch before 0.1.10"
    yield "keras.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"
    yield "model.keras", zipped({"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b"x"}), "a model of Keras"
    array = io.BytesIO()
    numpy.save(array, numpy.ones(3))
    yield "array.npy", array.getvalue(), "a NumPy array"
    archive = io.BytesIO()
    numpy.savez(archive, **{name.replace(".", "_"): value for name, value in list(arrays.items())[:2]})
    yield "arrays.npz", archive.getvalue(), "an archive of NumPy arrays"
    yield "net.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(100), "a MATLAB file"
    yield "net.onnx", b"\x08\x08" + protobuf(2, b"pytorch") + protobuf(3, b"2.4.0") + bytes(8), "an ONNX model"
    yield "saved_model.pb", b"\x08\x01" + protobuf(2, b"x" * 100), "a TensorFlow SavedModel"
    yield "frozen.pb", protobuf(1, protobuf(1, b"input") + protobuf(2, b"Placeholder")) * 3, "a frozen graph of TensorFlow"
    yield "model.ckpt.index", bytes(range(1, 41)) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "the index of a TensorFlow checkpoint"
    yield "checkpoint", b'model_checkpoint_path: "model.ckpt-3"\n', "the index of TensorFlow checkpoints"
    yield "net.tflite", b"\x1c\0\0\0TFL3" + bytes(60), "a TensorFlow Lite model"
    yield "net.caffemodel", protobuf(1, b"SegNet") + b"\xa2\x06\x20" + bytes(40), "a network of Caffe"
    yield "net.params", b"\x12\x01\0\0\0\0\0\0" + bytes(60), "parameters of MXNet"
    yield "net.weights", struct.pack("<iiiq", 0, 2, 0, 32013312) + bytes(60), "weights of Darknet"
    yield "net.gguf", b"GGUF\x03\0\0\0" + bytes(60), "a GGUF file"
    yield "flax.msgpack", b"\x81\xa6params\x81\xa4conv\x80" + bytes(20), "a msgpack file"
    yield "net.engine", b"ftrt" + bytes(60), "an engine of TensorRT"
    yield "net.pdparams", pickle.dumps(dict(arrays, **{"StructuredToParameterName@@": {"conv.weight": "conv_0.w_0"}}), 2), \
        "parameters of PaddlePaddle"
    yield "detectron.pkl", pickle.dumps({"model": arrays}, 4), "a Python pickle of NumPy arrays"
    yield "plain.pkl", pickle.dumps({"a": [1, 2]}, 4), "a Python pickle that torch.save did not write"
    script = torch.jit.trace(Net(), torch.ones(1, 3, 2, 2))
    out = io.BytesIO()
    torch.jit.save(script, out)
    yield "torchscript.pt", out.getvalue(), "a TorchScript archive"
    yield "export.pt2", zipped({"x/archive_format": b"pt2", "x/models/model.json": b"{}", "x/data/weights/w": b"x"}), \
        "a program of torch.export"
    yield "package.pt", zipped({"x/.data/extern_modules": b"", "x/model/model.pkl": b"x"}), "an archive of torch.package"
    module_of("project.nets", Net=Net)
    yield "whole_model.pth", saved(Net()), "a whole model, an object of the class 'project.nets.Net'"
    yield "whole_model_legacy.pth", saved(Net(), _use_new_zipfile_serialization=False), "a whole model"
    yield "whole_model_nested.pth", saved({"epoch": 3, "model": Net(), "ema": None}), \
        "the entry 'model' of the checkpoint is a whole model"
    yield "tensor.pth", saved(torch.ones(3)), "a single tensor without a name"
    yield "tensors.pth", saved(list(network().values())), "a list of tensors without names"
    yield "numbers.pth", saved(dict(enumerate(network().values()))), "the checkpoint's tensors have no names"
    yield "empty_dict.pth", saved({}), "an empty dictionary"
    yield "no_tensors.pth", saved({"epoch": 3, "lr": 0.1}), "no tensors in the checkpoint; its entries are 'epoch', 'lr'"
    yield "arrays.pth", saved(arrays), "arrays of NumPy, not tensors"
    yield "masks_alone.pth", saved({"mask": torch.ones(3, dtype=torch.bool)}), "tensor 'mask' is bool"
    yield "deflated.pth", zipped(members_of(plain), zipfile.ZIP_DEFLATED), "is compressed or encrypted"
    yield "zip_of_pth.pth", zipped({"weights.pth": plain[:64]}), "a zip archive with 'weights.pth' in it"
    yield "letter.docx", zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<x/>"}), "no checkpoint of PyTorch"
    big = members_of(plain)
    big[next(name for name in big if name.endswith("byteorder"))] = b"big"
    yield "big_endian.pth", zipped(big), "not little endian"
    yield "cut.pth", plain[:len(plain) // 2], "the file is truncated"
    yield "zeros.pth", bytes(6000), "filled with zeros"
    yield "image.png", b"\x89PNG\r\n\x1a\n" + bytes(60), "a PNG image"
    yield "image.jpg", b"\xff\xd8\xff\xe0" + bytes(60), "a JPEG image"
    yield "paper.pdf", b"%PDF-1.7\n" + bytes(60), "a PDF document"
    yield "library.so", b"\x7fELF\x02\x01\x01" + bytes(60), "a program or library"
    yield "net.fb", b"\x20\0\0\0GRUN" + bytes(60), "a model that graphc wrote"
    yield "net.grun", b"\x8bGRUN\r\n\x1a" + bytes(60), "a bundle of graphrun"
    yield "secret.pth", b"Salted__" + bytes(60), "encrypted with openssl"


def main():
    numpy.random.seed(1)
    for folder in ("forms", "others"):
        os.makedirs(os.path.join(GOLDEN, folder), exist_ok=True)
    for name, value, options in forms():
        torch.save(value, os.path.join(GOLDEN, "forms", name + ".pth"), **options)
    lines = []
    for name, data, message in others():
        write(os.path.join(GOLDEN, "others", name), data)
        lines.append(name + "\t" + message + "\n")
    with open(os.path.join(GOLDEN, "others", "expected.txt"), "w") as file:
        file.writelines(lines)


if __name__ == "__main__":
    main()
