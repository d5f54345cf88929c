#!/usr/bin/env python3
"""What files of strangers may cost: processor time and memory of every reader, of graphc, of loading a model, of --memory-limit.

    tools/bench/costs.py --build build/cpu                      # all, for doc/security_tests.md; exit status 1: a bar is not kept
    tools/bench/costs.py --build build/cpu --only readers       # or graphc, models, scaling, limits

Readers are the programs cost_NAME (ninja cost_tensors ...), each input in a process of its own: the seeds of the fuzz targets, and
files of up to 1 MiB made here, each of them as many of what costs most as there is room for. Bars: 1 s and 64 MiB + 10 times the
file; of an image, whose pixels are bounded by its bytes, 16 MiB and 2.5 times the decoded picture; a model of 64 MiB 2 s; a process
under --memory-limit no more than it and 64 MiB. "scaling" compiles, loads and plans graphs of 560 to 4480 convolutions to be trained:
the time may grow with an exponent of 1.1 (of a machine that does nothing else: caches are part of it).
"""

import argparse
import io
import json
import math
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20


def many(piece, begin=b"", end=b"", size=MIB):
    return begin + piece * ((size - len(begin) - len(end)) // len(piece)) + end


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


TENSOR = (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu")
          + b"K\1tQK\0K\1\x85K\1\x85\x89}tR")


def pickles():
    begin = b"\x80\2"
    yield "lists", many(b"]", begin, b".")
    yield "sets", many(b"\x8f", begin, b".")
    yield "integers", many(b"M\1\1", begin, b".")
    yield "constants", many(b"N", begin, b".")
    yield "marks", many(b"(", begin, b".")
    yield "memo", many(b"\x94", begin + b"]", b".")
    yield "doubles", many(b"2", begin + b"N", b".")
    yield "texts", many(b"X\0\0\0\0", begin, b".")
    yield "tuples", many(b"h\0\x85", begin + b"]q\0", b".")
    yield "appends", many(b"h\0a", begin + b"]q\0", b".")
    yield "items", many(b"h\0h\0", begin + b"]q\0(", b"l.")
    yield "globals", many(b"ca\nb\n", begin, b".")
    pairs = b"](" + b"NN\x86" * 1000 + b"e\x85q\0"
    yield "calls", many(b"h\1h\0R", begin + pairs + b"0ccollections\nOrderedDict\nq\1", b".")
    yield "nested", many(b"]a", begin + b"]", b".")


def dictionaries():
    name = text(b"a" * 1024) + b"q\0"
    yield "one name", many(b"h\0h\1", b"\x80\2" + name + b"0" + TENSOR + b"q\x010}(", b"u.")
    parts = text(b"a." * 512) + b"q\0"
    yield "many dictionaries", many(b"}h\0h\1s", b"\x80\2" + parts + b"0" + TENSOR + b"q\x010](", b"e.")
    yield "short names", b"\x80\2" + TENSOR + b"q\x010}(" + b"".join(text(b"%d" % i) + b"h\1" for i in range(85000)) + b"u."
    deep = b"".join(text(b"a." * 24 + b"%d" % i) + b"h\1" for i in range(16000))
    yield "deep names", b"\x80\2" + TENSOR + b"q\x010}(" + deep + b"u."
    yield "dictionaries in one", many(b"h\0}", b"\x80\2" + name + b"}(", b"u.")


def checkpoint(pickle, members=()):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/data.pkl", pickle)
        archive.writestr("a/data/0", b"\0" * 4)
        for name in members:
            archive.writestr(name, b"")
    return stream.getvalue()


def safetensors(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


def weights():
    for name, pickle in dictionaries():
        yield name, checkpoint(pickle[:MIB])
    for name, pickle in pickles():
        yield "pickle of " + name, checkpoint(pickle)
    yield "members", checkpoint(b"\x80\2}.", ["a/data/%d" % i for i in range(9000)])
    entries = ",".join('"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(17500))
    yield "empty tensors", safetensors(b"{" + entries.encode() + b"}")
    other = ",".join('"%d":{"dtype":"?","shape":[],"data_offsets":[0,0]}' % i for i in range(18000))
    yield "unknown types", safetensors(b"{" + other.encode() + b"}")
    notes = ",".join('"%d":""' % i for i in range(95000))
    yield "metadata", safetensors(b'{"__metadata__":{' + notes.encode() + b"}}")
    yield "depth", safetensors(many(b"[", b'{"a":'))
    quantised = ",".join('"%d":{"dtype":"I8","shape":[1],"data_offsets":[%d,%d]},"%d:scale":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
                         % (i, 5 * i, 5 * i + 1, i, 5 * i + 1, 5 * i + 5) for i in range(8000))
    yield "quantised", safetensors(b"{" + quantised.encode() + b"}", b"\1\0\0\x80\x3f" * 8000)
    yield "a wide quantised", safetensors(json.dumps({"a": {"dtype": "I8", "shape": [200000, 1], "data_offsets": [0, 200000]}, "a:scale": {
        "dtype": "F32", "shape": [200000], "data_offsets": [200000, 1000000]}}).encode(), bytes(200000) + b"\0\0\x80\x3f" * 200000)
    ranges = ",".join('"activation %d":"1 0"' % i for i in range(42000))
    yield "ranges of activations", safetensors(b'{"__metadata__":{' + ranges.encode() + b"}}")
    yield "escapes", safetensors(many(b"\\u0041", b'{"', b'":1}'))


def arrays():
    yield "header", b"\x93NUMPY\2\0" + struct.pack("<I", MIB - 12) + many(b" ", b"{'descr': '<f4', ", b"}\n", MIB - 12)
    yield "dimensions", b"\x93NUMPY\2\0" + struct.pack("<I", MIB - 12) + many(
        b"1,", b"{'descr': '<f4', 'fortran_order': False, 'shape': (", b")}\n", MIB - 12)


def graph(statements, **more):
    return json.dumps({"inputs": {"x": {"shape": ["N", 3, "H", "W"]}}, "graph": statements, "outputs": {"logits": "y"}, **more}).encode()


CONV = {"op": "conv2d", "as": "c", "kernel": 1, "out_channels": 3, "bias": False, "out": "y"}
TRAINING = {"inputs": {"image": {"shape": ["N", 3, "H", "W"]}, "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
            "losses": {"main": {"op": "cross_entropy", "logits": "y", "label": "label"}}, "train": {"optimizer": {"op": "sgd"}}}


def convolutions(count):
    return [{**CONV, "as": "c%d" % i} for i in range(count)]


def graphs():
    relu = {"op": "relu", "out": "y"}
    conv, training, convs = CONV, TRAINING, convolutions(10000)
    yield "training", graph([conv, {"repeat": 49000, "graph": [relu]}], **training)
    yield "parameters", graph(convs, **training)
    # As many as a graph of 1 MiB may have that is to be trained, each in a method for training, of its gradient and of its update.
    long = " " * 170
    yield "trained", graph([{**conv, "as": "c%d" % i, "doc": long} for i in range(4096)], **training)
    yield "trained norms", graph([conv, {"repeat": 1023, "index": "i", "as": "r{i}", "graph": [{"op": "batch_norm", "as": "b", "out": "y"}]}], **training)
    yield "norms", graph([conv, {"repeat": 8000, "index": "i", "as": "r{i}", "graph": [{"op": "batch_norm", "as": "b", "out": "y"}]}])
    yield "trained resizes", graph([conv, {"repeat": 8000, "graph": [{"op": "resize", "size": ["H", "W"], "out": "y"}]}], **training)
    groups = [{"match": "*a*a*a*a*a*b%d" % i} for i in range(2000)]
    yield "groups", graph(convs[:4000], **{**training, "train": {"optimizer": {"op": "sgd"}, "groups": groups}})
    yield "repeat", graph([{"repeat": 49000, "graph": [relu]}])
    yield "repeats in repeats", graph([{"repeat": 300, "graph": [{"repeat": 300, "graph": [relu]}]}])
    yield "statements", graph([relu] * 37000)
    yield "statements of a longer file", graph([{**relu, "doc": " " * 40}] * 13000)
    yield "unknown names", graph([{"op": "relu", "x": "a%d" % i} for i in range(30000)])
    yield "unknown ops", graph([{"op": "op%d" % i} for i in range(40000)])
    parameters = {"p%d" % i: {"default": 1} for i in range(1000)}
    yield "arguments", graph([{"repeat": 40000, "graph": [{"block": "b"}]}], blocks={"b": {"parameters": parameters, "graph": [relu]}})
    chain = {"b%d" % i: {"graph": [{"block": "b%d" % (i + 1)}] * 2} for i in range(40)}
    yield "doubling blocks", graph([{"block": "b0"}], blocks={**chain, "b40": {"graph": [relu]}})
    yield "depth", many(b"[")
    yield "depth of statements", b'{"graph":' + many(b'[{"repeat":1,"graph":', size=MIB // 2)
    yield "numbers", many(b"1,", b'{"x":[', b"1]}")
    yield "keys", b"{" + b",".join(b'"%d":0' % i for i in range(100000)) + b"}"
    yield "expression", graph([{"op": "resize", "size": ["H+" * 200000 + "1", "W"]}])
    yield "brackets", graph([{"op": "resize", "size": ["(" * 400000, "W"]}])
    yield "extents", graph([{"op": "resize", "size": ["+".join("H/%d" % i for i in range(2, 90)), "W"]}] * 1500)
    yield "lets", graph([{"let": "v%d" % i} for i in range(50000)])
    yield "long names", graph([{"op": "conv2d", "as": "a" * 1000, "out_channels": 1, "kernel": 1}] * 900)
    yield "outputs", graph([{"op": "relu", "out": "y"}], outputs={"y%d" % i: "y" for i in range(60000)})


def expressions():
    for name, piece, end in (("sum", b"1+", b"1"), ("product", b"H*", b"H"), ("brackets", b"(", b""), ("minus", b"-", b"1"),
                             ("calls", b"min(H,", b"1"), ("choices", b"H?", b"1"), ("names", b"a", b"")):
        yield name, many(piece, end=end)


def descriptors():
    one = {"name": "a", "color": [0, 0, 0]}
    base = {"name": "d", "labels": {"identity": 2}, "classes": [one, one], "splits": {"train": {"list": "a"}}}
    yield "classes", json.dumps({**base, "classes": [one] * 30000}).encode()
    yield "splits", json.dumps({**base, "splits": {"s%d" % i: {"list": "a"} for i in range(40000)}}).encode()
    yield "labels", json.dumps({**base, "labels": {"map": {str(i): 0 for i in range(80000)}}}).encode()
    yield "generated", json.dumps({**base, "generator": {"name": "shapes", "height": 9, "width": 9},
                                   "splits": {"train": {"count": 1000000, "seed": 1}}}).encode()
    yield "depth", many(b"[")


def lists():
    yield "pairs", many(b"a b\n")
    yield "names", many(b"a\n")
    yield "columns", many(b"a ")
    yield "tabs", many(b"\t")
    yield "long", many(b"a" * 4000 + b" b\n")


def settings():
    yield "depth", b'{"epochs":' + many(b"[")
    yield "keys", b"{" + b",".join(b'"%d":0' % i for i in range(100000)) + b"}"
    yield "list", many(b"1,", b'{"scales":[', b"1]}")
    yield "epochs", b"{" + b",".join([b'"epochs":1'] * 90000) + b"}"


def records():
    yield "depth", b'{"dataset":' + many(b"[")
    yield "dots", many(b"../", b'{"dataset":"', b'x.json"}')


def annotations():
    image = {"id": 1, "file_name": "a.png", "height": 12, "width": 16}
    def coco(segmentation, count=1, **more):
        return json.dumps({"images": [{**image, **more}], "categories": [{"id": 1, "name": "a"}],
                           "annotations": [{"image_id": 1, "category_id": 1, "segmentation": segmentation}] * count}).encode()
    yield "a large image", coco([[1, 1, 9, 1, 9, 8]], height=16384, width=16384)
    yield "points", coco([[i * 7 % 16 for i in range(39998)]] * 7)
    yield "polygons", coco([[1, 1, 9, 1, 9, 8]] * 50000)
    yield "runs", coco({"size": [12, 16], "counts": [0] * 330000})
    yield "instances", coco([[1, 1, 9, 1, 9, 8]], 10000)
    shape = {"label": "a", "shape_type": "circle", "points": [[5, 5], [16000, 5]]}
    yield "circles", json.dumps({"imagePath": "a.png", "shapes": [shape] * 12000}).encode()
    line = {"label": "a", "shape_type": "line", "points": [[-1e6, -1e6], [1e6, 1e6]]}
    yield "lines", json.dumps({"imagePath": "a.png", "shapes": [line] * 10000}).encode()
    yield "depth", many(b"[")


def metrics():
    yield "lines", many(b'{"iter": 1}\n')
    yield "empty", many(b"\n")
    yield "one", many(b"a")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def events():
    def record(payload):
        length = struct.pack("<Q", len(payload))
        return length + masked(length) + payload + masked(payload)
    yield "records", many(record(b"\x10\x01"))
    yield "claims", many(record(b"") + struct.pack("<Q", 1 << 27))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, data, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def images():
    """With the pixels of each."""
    row = bytes(1 + 8192)
    packer = zlib.compressobj(9)
    solid = b"".join(packer.compress(row) for _ in range(8192)) + packer.flush()
    yield "grey of 8192", png(8192, 8192, 8, 0, solid), 8192 * 8192
    texts = chunk(b"zTXt", b"key\0\0" + zlib.compress(b"a" * 7900000, 9)) * 120
    yield "texts", png(1, 1, 8, 0, zlib.compress(b"\0\0"), texts), 1
    yield "chunks", png(1, 1, 8, 0, zlib.compress(b"\0\0"), chunk(b"abCd", b"") * 85000), 1
    yield "profile", png(1, 1, 8, 2, zlib.compress(b"\0\0\0\0"), chunk(b"iCCP", b"key\0\0" + zlib.compress(b"a" * 7900000, 9))), 1
    def segment(marker, content):
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
    def progressive(side, scans):
        blocks = side // 8 * (side // 8)
        file = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
        file += segment(0xC4, b"\0\1" + b"\0" * 16) + segment(0xC4, b"\x10\1" + b"\0" * 15 + b"\xe0")
        file += segment(0xDA, b"\1\1\0\0\0\0") + b"\0" * (blocks // 8)
        return file + (segment(0xDA, b"\1\1\0\1\x3f\0") + b"\0" * ((blocks + 16383) // 16384 * 15 // 8 + 1)) * scans + b"\xff\xd9"
    yield "scans", progressive(4096, 400), 4096 * 4096
    yield "scans of many pixels", progressive(16384, 200), 1
    yield "a header", progressive(16384, 0)[:200], 1
    yield "pnm", b"P2 16383 16383 255\n0 0\n", 1
    yield "numbers", many(b"1 ", b"P2 512 512 255\n"), 512 * 512
    yield "comments", many(b"#\n", b"P2 "), 1
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in
                       ((256, 16383), (257, 16383), (259, 4), (262, 1), (273, 98), (278, 16383), (279, 4)))
    yield "tiff", b"II*\0" + struct.pack("<IH", 8, 7) + entries + b"\0" * 4 + b"\xff" * 4, 1
    yield "directory", b"II*\0" + struct.pack("<IH", 8, 65535) + many(struct.pack("<HHII", 1, 1, 1, 1), size=65535 * 12), 1
    webp = b"WEBPVP8L" + struct.pack("<IB", 10, 0x2F) + struct.pack("<I", 16382 | 16382 << 14) + b"\0" * 5
    yield "webp", b"RIFF" + struct.pack("<I", len(webp)) + webp, 1


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def part(number, content):
    """A field of ONNX's format (protobuf): bytes, or a number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_node(op, inputs, outputs, *more):
    return part(1, b"".join([*(part(1, name) for name in inputs), *(part(2, name) for name in outputs), part(4, op), *more]))


def onnx_tensor(name, kind, dims, raw):
    return part(5, b"".join(part(1, dim) for dim in dims) + part(2, kind) + part(8, name) + part(9, raw))


def onnx_model(parts, outputs=b"x", channels=3):
    shape = b"".join(part(1, part(1, extent)) for extent in (1, channels, 8, 8))
    image = part(1, b"x") + part(2, part(1, part(1, 1) + part(2, shape)))
    return part(1, 8) + part(8, part(2, 17)) + part(7, parts + part(11, image) + part(12, part(1, outputs)))


def onnx_models():
    def names(count):
        return [b"%x" % (4096 + i) for i in range(count)]
    def chain(op, count, *inputs, first=b"x"):
        steps = [first, *names(count)]
        return b"".join(onnx_node(op, [a, *inputs], [b]) for a, b in zip(steps, steps[1:]))
    yield "relu", onnx_model(chain(b"Relu", 45000))
    yield "empty nodes", onnx_model(many(part(1, b""), size=MIB - 100))
    yield "empty attributes", onnx_model(part(1, many(part(5, b""), part(4, b"Relu"), size=MIB - 100)))
    yield "empty tensors", onnx_model(many(part(5, b""), size=MIB - 100))
    yield "empty inputs", onnx_model(many(part(11, b""), size=MIB - 100))
    yield "opsets", part(1, 8) + b"".join(part(8, part(1, b"%x" % i) + part(2, 1)) for i in range(100000))
    yield "dims", onnx_model(part(5, part(1, many(b"\1", size=MIB - 100))))
    yield "integers", onnx_model(part(1, part(4, b"Constant") + part(5, part(1, b"value_ints") + part(20, 7) + part(8, many(b"\1", size=MIB - 200)))))
    texts = part(5, part(1, b"value_strings") + part(20, 8) + many(part(9, b""), size=MIB - 200))
    yield "texts", onnx_model(part(1, part(4, b"Constant") + texts))
    for count in (64, 1024):
        longest = onnx_tensor(b"s", 7, [count], b"\1" + bytes(8 * count - 1))
        yield f"lists of {count}", onnx_model(longest + chain(b"Identity", 40000, first=b"s") + chain(b"Concat", 1, first=b"s"))
        yield f"{count} places", onnx_model(longest + b"".join(onnx_node(b"Gather", [b"s", b"s"], [name]) for name in names(30000)))
    yield "modes of training", onnx_model(onnx_tensor(b"t", 9, [500000], bytes(500000)) + chain(b"Dropout", 14000, b"", b"t"))
    weight = onnx_tensor(b"w", 1, [131072, 1, 1, 1], bytes(524288))
    yield "one weight", onnx_model(weight + b"".join(onnx_node(b"Conv", [b"x", b"w"], [name]) for name in names(15000)), channels=1)
    matrix = onnx_tensor(b"w", 1, [362, 362], bytes(4 * 362 * 362))
    yield "one matrix", onnx_model(matrix + onnx_node(b"Flatten", [b"x"], [b"f"]) + chain(b"Gemm", 15000, b"w", first=b"f"), channels=362)
    yield "shifts of many channels", onnx_model(onnx_tensor(b"c", 1, [], bytes(4)) + chain(b"Add", 20000, b"c"), channels=1 << 20)
    yield "wide concatenation", onnx_model(onnx_node(b"Concat", [b"x"] * 330000, [b"y"], part(5, part(1, b"axis") + part(20, 2) + part(3, 1))))
    doubling = [b"x", *names(200)]
    yield "doubling channels", onnx_model(b"".join(
        onnx_node(b"Concat", [a, a], [b], part(5, part(1, b"axis") + part(20, 2) + part(3, 1))) for a, b in zip(doubling, doubling[1:])))
    one_scale = onnx_tensor(b"s", 1, [], b"\0\0\x80\x3f") + onnx_tensor(b"z", 2, [], b"\0")
    steps = [b"x", *names(20000)]
    yield "quantised and back", onnx_model(one_scale + b"".join(
        onnx_node(op, [a, b"s", b"z"], [b]) for op, a, b in zip([b"QuantizeLinear", b"DequantizeLinear"] * 10000, steps, steps[1:])))
    eight = onnx_tensor(b"w", 3, [131072, 1, 1, 1], bytes(131072)) + onnx_tensor(b"v", 1, [131072], b"\0\0\x80\x3f" * 131072)
    axis = part(5, part(1, b"axis") + part(20, 2) + part(3, 0))
    yield "one quantised weight", onnx_model(eight + b"".join(
        onnx_node(b"DequantizeLinear", [b"w", b"v"], [name], axis) + onnx_node(b"Conv", [b"x", name], [b"y" + name]) for name in names(4000)), channels=1)
    yield "names", onnx_model(b"".join(onnx_node(b"Relu", [b"x"], [b"y"], part(3, b"a/" * 400)) for _ in range(1200)))
    yield "metadata", onnx_model(chain(b"Relu", 1)) + part(14, part(1, b"class_names") + part(2, many(b'"",', b"[", b'""]', size=MIB - 300)))
    yield "depth of metadata", onnx_model(chain(b"Relu", 1)) + part(14, part(1, b"preprocessing") + part(2, many(b"[", size=MIB - 300)))


def tiff(entries, data=b""):
    """Of tags with a type (3: two bytes, 4: four) and values; lists stand behind the directory."""
    at, behind, directory = 8 + 2 + 12 * len(entries) + 4, b"", b""
    for tag, kind, values in entries:
        size = {3: 2, 4: 4}[kind]
        raw = b"".join(value.to_bytes(size, "little") for value in values)
        place = raw.ljust(4, b"\0") if len(raw) <= 4 else (at + len(behind)).to_bytes(4, "little")
        behind += raw if len(raw) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, len(values)) + place
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + b"\0" * 4 + behind + data


def tiffs():
    def strips(width, height, channels, rows, count, bits=8, planes=2, compression=1, length=1):
        return [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels), (259, 3, [compression]), (262, 3, [1]),
                (273, 4, [8] * count), (277, 3, [channels]), (278, 4, [rows]), (279, 4, [length] * count), (284, 3, [planes])]
    yield "planes of many strips", tiff(strips(1, 1 << 20, 64, 1, 120000))
    yield "strips that are not there", tiff(strips(1, 1 << 20, 64, 1, 1))
    yield "planes of one strip", tiff(strips(16384, 16384, 64, 16384, 64))
    yield "a long row", tiff(strips(1 << 20, 1, 64, 1, 1, 32, 1))
    yield "long rows by planes", tiff(strips(1 << 20, 1, 64, 1, 64, 32, 2))
    yield "fax", tiff(strips(16384, 16384, 1, 16384, 1, 1, 1, 4, 4))
    def tiles(width, height, channels, side_w, side_h, count, compression=1):
        return [(256, 4, [width]), (257, 4, [height]), (258, 3, [8] * channels), (259, 3, [compression]), (262, 3, [1]), (277, 3, [channels]),
                (284, 3, [1]), (322, 4, [side_w]), (323, 4, [side_h]), (324, 4, [8] * count), (325, 4, [1] * count)]
    yield "a large tile", tiff(tiles(16384, 16384, 1, 16384, 16384, 1))
    yield "small tiles", tiff(tiles(1 << 20, 1 << 20, 1, 16, 16, 120000))
    yield "tiles of many channels", tiff(tiles(1024, 1024, 64, 1024, 1024, 1))


INPUTS = {"pickle": pickles, "tensors": weights, "npy": arrays, "graphc": graphs, "expression": expressions, "descriptor": descriptors,
          "sample_list": lists, "settings": settings, "run_record": records, "metrics_cut": metrics, "event_cut": events,
          "annotations": annotations, "checkpoint": tuple, "image": images, "onnx": onnx_models, "tiff": tiffs, "model_load": tuple, "bundle": tuple, "protocol": lambda: [("depth", many(b"["))]}
SHARED = {"model_load": ["tests/golden/version1"], "tensors": ["tests/weights/golden"], "graphc": ["graphs", "tests/graphc"],
          "descriptor": ["datasets"]}


class Table:
    def __init__(self):
        self.kept = True

    def row(self, what, seconds, megabytes, size, second_bar, megabyte_bar, shown=True):
        over = seconds > second_bar or megabytes > megabyte_bar
        self.kept = self.kept and not over
        if shown or over:
            print(f"{what:60} {seconds:7.3f} s {megabytes:8.1f} MiB of {megabyte_bar:8.1f} {size:9} B{'  OVER' if over else ''}", flush=True)


def measured(command, **more):
    """Exit status, processor seconds and peak MiB of a command."""
    begin = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.monotonic() - begin


def seeds_of(name):
    folders = [ROOT / "tests/fuzz/seeds" / name] + [ROOT / folder for folder in SHARED.get(name, [])]
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.rglob("*")) if path.is_file()]


def readers(args, table, folder):
    for name, inputs in INPUTS.items():
        program = args.build / "tests/fuzz" / ("cost_" + name)
        if not program.exists():
            print(f"{name}: not built (ninja {program.name})")
            table.kept = False
            continue
        files = {path: None for path in seeds_of(name) if path.stat().st_size <= MIB}
        for number, (what, content, *pixels) in enumerate(inputs()):
            path = folder / f"{name}: {what}"
            path.write_bytes(content)
            files[path] = pixels[0] if pixels else None
        out = subprocess.run([program, *files], stdout=subprocess.PIPE, text=True)
        worst = (0, 0)
        for line in out.stdout.splitlines():
            seconds, megabytes, size, path = line.split(" ", 3)
            seconds, megabytes, size = float(seconds), float(megabytes), int(size)
            pixels = files.get(pathlib.Path(path))
            bar = 64 + 10 * size / MIB if pixels is None else 16 + 2.5 * 3 * pixels / MIB
            worst = (max(worst[0], seconds), max(worst[1], megabytes))
            if path.endswith(" FAILED"):
                print(path)
                table.kept = False
            seconds_bar = 5 if pixels else 1
            table.row(pathlib.Path(path).name[:60], seconds, megabytes, size, seconds_bar, bar, args.all)
        print(f"{name:14} {len(files):4} inputs, at most {worst[0]:.3f} s and {worst[1]:.1f} MiB", flush=True)


def graphc(args, table, folder):
    for what, content in graphs():
        path = folder / "graph.json"
        path.write_bytes(content)
        status, seconds, megabytes, _ = measured([args.build / "bin/graphc", path, "-o", folder / "out.fb", "-q"])
        if status < 0:
            print(f"graphc: {what}: signal {-status}")
            table.kept = False
        table.row("graphc: " + what, seconds, megabytes, len(content), 1, 64 + 10 * len(content) / MIB)


def models(args, table, folder):
    """Files of 64 MiB, each as full of one thing as the schema lets it be."""
    program = args.build / "tests/fuzz/cost_model_load"
    base = {"version": 1, "strings": ["a"], "names": [], "exprs": [], "lists": [], "attr_sets": [{}]}
    kinds = {
        "strings": {"strings": ["a"] * 5_000_000},
        "names": {"strings": ["a"], "names": [{"parent": 0, "leaf": 0}] * 7_000_000},
        "expressions": {"exprs": [{"ops": [0], "integers": [1]}] * 1_200_000},
        "inputs": {"inputs": [{"name": 1, "dtype": 0, "shape": 0}] * 1_500_000},
    }
    paths = []
    for kind, content in kinds.items():
        source = folder / (kind + ".json")
        source.write_text(json.dumps({**base, **content}))
        made = subprocess.run(["flatc", "-b", "-o", str(folder), str(ROOT / "runtime/model/program.fbs"), str(source)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found = list(folder.glob(kind + ".*"))
        made_file = [path for path in found if path.suffix != ".json"]
        if made.returncode != 0 or not made_file:
            print(f"models: {kind}: flatc: {made.stdout[:200]}")
            table.kept = False
            continue
        whole = made_file[0].read_bytes()[: 64 * MIB]
        path = folder / f"64 MiB of {kind}"
        path.write_bytes(whole)
        paths.append(path)
    first = next((ROOT / "tests/golden/version1").glob("*.fb")).read_bytes()
    long = folder / "64 MiB behind a model"
    long.write_bytes(first + bytes(64 * MIB - len(first)))
    noise = folder / "64 MiB of noise"
    noise.write_bytes(first[:64] + os.urandom(64 * MIB - 64))
    out = subprocess.run([program, *paths, long, noise], stdout=subprocess.PIPE, text=True)
    for line in out.stdout.splitlines():
        seconds, megabytes, size, path = line.split(" ", 3)
        table.row("model: " + pathlib.Path(path).name, float(seconds), float(megabytes), size, 2, 64 + 10 * int(size) / MIB)


def scaling(args, table, folder):
    """The least of three times for each size, and the slope of their logarithms."""
    sizes = [560, 1120, 2240, 4480]
    points = {"compile": [], "load and plan": []}
    for size in sizes:
        source, model = folder / f"{size}.json", folder / f"{size}.fb"
        source.write_bytes(graph(convolutions(size), **TRAINING))
        for what, command in (("compile", ["graphc", source, "-o", model, "-q"]), ("load and plan", ["grun", "info", model, "--shape", 1, 3, 8, 8])):
            runs = [measured([args.build / "bin" / command[0], *command[1:]]) for _ in range(3)]
            if any(status != 0 for status, *_ in runs):
                raise SystemExit(f"scaling: {command[0]} of {size} convolutions failed")
            points[what].append(min(seconds for _, seconds, *_ in runs))
    for what, seconds in points.items():
        x, y = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
        middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
        slope = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y)) / sum((a - middle_x) ** 2 for a in x)
        table.kept = table.kept and slope <= 1.1
        print(f"{what:14} {' '.join(f'{second:.2f}' for second in seconds)} s of {sizes} convolutions: exponent {slope:.2f}{'' if slope <= 1.1 else '  OVER'}")


def zeros(args, model, path, environment):
    """Weights for the model, all zero, as a file with a hole."""
    told = subprocess.run([str(args.build / "bin/grun"), "info", str(model), "-v"], capture_output=True, text=True,
                          env=environment)
    if told.returncode != 0:
        raise SystemExit(f"grun info {model}: {told.stderr}")
    header, at = {}, 0
    for name, dims in re.findall(r"^  (\S+) +\(([0-9, ]+),?\)(?: buffer)?$", told.stdout.split("\nvariables\n", 1)[1], re.M):
        shape = [int(extent) for extent in dims.split(",")]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * math.prod(shape)]}
        at += 4 * math.prod(shape)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(head)) + head)
        out.truncate(8 + len(head) + at)


def limits(args, table, folder):
    """grun predict of every network in graphs/ under limits that do and do not suffice."""
    for width, height in args.sizes:
        content = b"P6 %d %d 255\n" % (width, height) + bytes(i * 7 % 256 for i in range(width * height * 3))
        (folder / f"{width}x{height}.ppm").write_bytes(content)
    environment = dict(os.environ, GRAPHRUN_HOME=str(ROOT))
    for graph_file in sorted((ROOT / "graphs").glob("*.json")):
        if graph_file.name.endswith(".schema.json") or (args.net and args.net not in graph_file.name):
            continue
        model = folder / "model.fb"
        compiled = subprocess.run([str(args.build / "bin/graphc"), str(graph_file), "-o", str(model), "-q", "-D", "classes=11"], capture_output=True, text=True)
        if compiled.returncode != 0:
            print(f"{graph_file.name}: {compiled.stderr[:200]}")
            continue
        zeros(args, model, folder / "weights.safetensors", environment)
        for limit in args.limits:
            for width, height in args.sizes:
                status, seconds, megabytes, _ = measured(
                    [args.build / "bin/grun", "predict", model, "--weights", folder / "weights.safetensors", folder / f"{width}x{height}.ppm", "-o",
                     folder / "labels", "-q", "--threads", 2, "--dataset", "camvid", "--memory-limit", f"{limit}MB", "--cache", "none"],
                    env=environment, cwd=folder)
                what = f"{graph_file.stem} of {width} x {height} under {limit} MB: status {status}"
                table.row(what, seconds, megabytes, 0, 1e9, limit * 1e6 / MIB + 64)


PARTS = {"readers": readers, "graphc": graphc, "models": models, "scaling": scaling, "limits": limits}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/cpu")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--all", action="store_true", help="a line for every input, not for the worst alone")
    parser.add_argument("--net", default="", help="limits: networks whose file has this in its name")
    parser.add_argument("--limits", type=lambda text: [int(part) for part in text.split(",")], default=[200, 600, 1500], help="megabytes")
    parser.add_argument("--sizes", type=lambda text: [tuple(map(int, part.split("x"))) for part in text.split(",")], default=[(320, 240), (1280, 720)],
                        help="limits: width and height of the images")
    args = parser.parse_args()
    args.build = args.build.resolve()
    table = Table()
    for name, part in PARTS.items():
        if args.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                part(args, table, pathlib.Path(folder))
    sys.exit(0 if table.kept else 1)


if __name__ == "__main__":
    main()
