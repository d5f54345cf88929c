"""The rows that peers.py measures: their bars, and those that are more than seconds of two programs."""

import array
import json
import math
import os
import pathlib
import random
import re
import shutil
import statistics
import struct
import subprocess
import time
import zlib

SPNET = {"net": "spnet50", "mode": "infer", "batch": 1, "size": 480, "precision": "f32"}
PSPNET = dict(SPNET, net="pspnet50", size=473)
TRAIN = dict(SPNET, mode="train", batch=2)


def bf16(case):
    return dict(case, precision="bf16")


def ratio(title, case, peers, against, bar, mb_bar=None):
    return {"kind": "ratio", "title": title, "case": case, "peers": peers, "against": against, "bar": bar, "mb_bar": mb_bar}


ROWS = {
    "infer-f32": ratio("SPNet-50 480² b1, f32", SPNET, ["torch", "ort"], "ort", 0.97),
    "infer-bf16": ratio("SPNet-50 480² b1, bf16", bf16(SPNET), ["torch"], "torch", 0.83),
    "pspnet-f32": ratio("PSPNet-50 473² b1, f32", PSPNET, ["torch", "ort"], "ort", 0.83),
    "pspnet-bf16": ratio("PSPNet-50 473² b1, bf16", bf16(PSPNET), ["torch"], "torch", 0.65),
    "train-f32": ratio("SPNet-50 training step 480² b2, f32", TRAIN, ["torch"], "torch", 0.68, 0.45),
    "train-bf16": ratio("SPNet-50 training step 480² b2, bf16", bf16(TRAIN), ["torch"], "torch", 0.68, 0.40),
    "eval-f32": {"kind": "eval", "title": "ss evaluation of 512 × 683, PSPNet-50, f32", "precision": "f32", "bar": 3.3},
    "eval-bf16": {"kind": "eval", "title": "ss evaluation of 512 × 683, PSPNet-50, bf16", "precision": "bf16", "bar": 5.5},
    "predict-memory": {"kind": "memory", "title": "peak memory of `grun predict`, PSPNet-50, bf16", "case": bf16(PSPNET), "bar": 0.4},
    "cold-start": {"kind": "cold", "title": "cold start to first label map, less one inference", "bar": 0.15},
    "threads": {"kind": "scaling", "title": "threads", "axis": "threads", "values": [1, 2]},
    "batch": {"kind": "scaling", "title": "batch", "axis": "batch", "values": [1, 2, 4]},
    "size": {"kind": "scaling", "title": "image size", "axis": "size", "values": [240, 480, 720, 960]},
    "share-f32": {"kind": "share", "title": "share of the arithmetic limit, f32", "cases": [SPNET, PSPNET]},
    "share-bf16": {"kind": "share", "title": "share of the arithmetic limit, bf16", "cases": [bf16(SPNET), bf16(PSPNET)]},
}


def weights(bench, net, failed):
    """Random weights, as a safetensors file: noise that keeps the size of activations; batch norms do nothing."""
    path = bench.work / (net + ".safetensors")
    if path.exists():
        return path
    text = bench.run([bench.grun(), "info", bench.model(net), "-v", "--shape", "1,3,57,57"]).stdout
    variables = re.findall(r"^  (\S+) +\(([0-9, ]+),?\)( buffer)?$", text.split("\nvariables\n", 1)[1], re.M)
    draw = random.Random(1)
    noise = [draw.gauss(0, 1) for _ in range(4096)]
    header, tensors, at = {}, [], 0
    for name, dims, _ in variables:
        shape = [int(v) for v in dims.split(",")]
        count = math.prod(shape)
        if len(shape) == 1:
            values = [1.0 if name.endswith(("weight", "running_var")) else 0.0]
        else:
            scale = math.sqrt(2 * shape[0] / count)
            values = [scale * v for v in noise]
        tensors.append((array.array("f", values) * (count // len(values) + 1))[:count])
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * count]}
        at += 4 * count
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # as usual writers do: tensors are aligned then
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as out:
        out.write(struct.pack("<Q", len(head)) + head)
        for tensor in tensors:
            tensor.tofile(out)
    partial.rename(path)
    return path


def eval_row(bench, row, failed, say):
    if not bench.args.image or not bench.args.semseg:
        raise failed("--image and --semseg are not both given")
    folder = bench.work / ("eval_" + row["precision"])
    command = [
        bench.args.python, pathlib.Path(__file__).resolve().parents[2] / "tests/oracle/eval_pair.py", "--semseg", bench.args.semseg,
        "--net", "pspnet50", "--grun", bench.grun(), "--model", bench.model("pspnet50"), "--images", bench.args.image,
        "--size", "512x683", "--rounds", bench.args.rounds, "--threads", bench.args.threads,
        "--grun-options=--precision " + row["precision"], "-o", folder,
    ]
    bench.run(command, timeout=bench.args.timeout * bench.args.rounds)
    result = json.loads((folder / "result.json").read_text())
    say("  %.2f times as fast" % result["ratio"])
    return {"ours_s": result["ours_s"], "reference_s": result["reference_s"], "ratio": result["ratio"], "equal": result["equal"]}


def png(side, rows):
    """A PNG of bytes RGB."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows))) + chunk(b"IEND", b"")


def pictures(bench, side, count):
    """Generated pictures in the size that the network takes."""
    folder = bench.work / "pictures"
    folder.mkdir(exist_ok=True)
    paths = [folder / ("%d_%d.png" % (side, i)) for i in range(count)]
    for path in paths:
        if not path.exists():
            path.write_bytes(png(side, [
                bytes((x * 7 + y * 3 + c * 50 + x * y // 32) % 256 for x in range(side) for c in range(3)) for y in range(side)
            ]))
    return paths


def predict_command(bench, case, images, out, failed):
    return [
        bench.grun(), "predict", bench.model(case["net"]), *images, "--weights", weights(bench, case["net"], failed),
        "--dataset", "ade20k", "--protocol", "whole", "--no-flip", "--set", "base_size=0", "-o", out,
        "--threads", bench.args.threads, "--precision", case["precision"],
    ]


def timed_process(bench, command, watched, failed):
    """Seconds until the file is there, what the process wrote to stderr, its peak memory in MB."""
    command = [str(word) for word in command]
    seen = None
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=bench.environment)
    while seen is None and os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if watched.exists():
            seen = time.perf_counter() - begin
        time.sleep(0.0005)
    text = process.stderr.read()
    process.stderr.close()
    _, process.returncode, usage = os.wait4(process.pid, 0)
    if seen is None and watched.exists():
        seen = time.perf_counter() - begin
    if process.returncode != 0 or seen is None:
        raise failed("grun predict: " + (text.strip().splitlines() or ["no label map"])[-1])
    return seen, text, usage.ru_maxrss / 1024


def predict(bench, case, count, failed):
    """One process: seconds to the first label map on disk, the median seconds of a later image, peak memory."""
    images = pictures(bench, case["size"], count)
    out = bench.work / "predicted"
    shutil.rmtree(out, ignore_errors=True)
    first = out / "gray" / (images[0].stem + ".png")
    seconds, text, peak = timed_process(bench, predict_command(bench, case, images, out, failed), first, failed)
    later = [float(v) for v in re.findall(r" ([0-9.]+) s remaining", text)][1:]
    return seconds, statistics.median(later) if later else None, peak


def cold_row(bench, row, failed, say):
    """From the start of the process to the first label map, less the median of later images in the same process."""
    measured = {"nets": {}}
    for case in (SPNET, PSPNET):
        predict(bench, case, 1, failed)  # the files are in memory then, as PyTorch's are
        colds, firsts = [], []
        for i in range(bench.args.rounds):
            seconds, later, _ = predict(bench, case, 4, failed)
            colds.append(seconds - later)
            firsts.append(seconds)
            say("  round %d %s first label map after %.3f s, less an inference %.3f s" % (i + 1, case["net"], seconds, seconds - later))
        measured["nets"][case["net"]] = {"cold_s": statistics.median(colds), "first_s": statistics.median(firsts)}
    if bench.has("torch"):
        imports = []
        for _ in range(bench.args.rounds):
            begin = time.perf_counter()
            bench.run([bench.args.python, "-c", "import torch"])
            imports.append(time.perf_counter() - begin)
        measured["import_torch_s"] = statistics.median(imports)
    return measured


def memory_row(bench, row, failed, say):
    ours, theirs = [], []
    for _ in range(bench.args.rounds):
        ours.append(predict(bench, row["case"], 2, failed)[2])
        theirs.append(bench.torch(row["case"])["peak_rss_mb"])
        say("  grun predict %.0f MB, PyTorch %.0f MB" % (ours[-1], theirs[-1]))
    return {"ours_mb": statistics.median(ours), "torch_mb": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(ours, theirs))}


def scaling_row(bench, row, failed, say):
    points = []
    for value in row["values"]:
        case, threads = SPNET, bench.args.threads
        if row["axis"] == "threads":
            threads = value
        else:
            case = dict(SPNET, **{row["axis"]: value})
        points.append({"value": value, "case": case, "threads": threads, "all_s": []})
    for i in range(bench.args.rounds):  # in turn, so that slow minutes of the machine hit all
        for point in points:
            point["all_s"].append(bench.ours(point["case"], point["threads"])["median_s"])
            say("  round %d %s %d: %.4f s" % (i + 1, row["axis"], point["value"], point["all_s"][-1]))
    for point in points:
        point["s"] = statistics.median(point["all_s"])
        point["ns_per_pixel"] = point["s"] * 1e9 / (point["case"]["batch"] * point["case"]["size"] ** 2)
    return {"axis": row["axis"], "points": points}


def layer_gflops(bench, case):
    text = bench.run([bench.grun(), "info", bench.model(case["net"]), "--shape", "%d,3,%d,%d" % (case["batch"], case["size"], case["size"])]).stdout
    return {path: float(flops) for path, flops in re.findall(r"^  (\S+) +\([0-9, ]+\) +([0-9.]+)$", text, re.M)}


def share_row(bench, row, failed, say):
    """For each kind of kernel: time, arithmetic as the layers are written, and its rate beside the rate of a large matrix product."""
    tool = pathlib.Path(bench.args.conv_bench or pathlib.Path(bench.args.bin) / "conv_bench")
    precision = row["cases"][0]["precision"]
    peaks = bench.json([tool, "peak", bench.args.threads])
    if precision not in peaks:
        raise failed("this machine has no fast %s" % precision)
    measured = {"peak_gflops": peaks[precision], "nets": {}}
    for case in row["cases"]:
        gflops = layer_gflops(bench, case)
        result = bench.ours(case, more=["-v"])
        kernels = {}
        for node in result["nodes"]:
            entry = kernels.setdefault(node["kernel"], {"s": 0.0, "gflop": 0.0, "nodes": 0})
            entry["s"] += node["s"]
            entry["gflop"] += gflops.get(node["path"], 0.0)
            entry["nodes"] += 1
        measured["nets"][case["net"]] = {"s": result["median_s"], "gflop": sum(gflops.values()), "kernels": kernels}
        say("  %s: %.1f GFLOP in %.3f s, peak %.0f GFLOP/s" % (case["net"], sum(gflops.values()), result["median_s"], peaks[precision]))
    return measured


SPECIAL = {"eval": eval_row, "cold": cold_row, "memory": memory_row, "scaling": scaling_row, "share": share_row}
