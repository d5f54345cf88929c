"""Quantised networks as ONNX (QuantizeLinear, DequantizeLinear): onnx.checker's full check, and logits of ONNX Runtime against
those of `grun run --precision int8` and of f32. Weights are random, scales are those of generated figures. Where both round
alike the two differ where a sum lies near the middle of two integers: by no more than either differs from f32."""

import argparse
import os
import sys

import numpy as np
import onnx

import onnx_files as tools

NETWORKS = {"spnet_tiny": (65, 65), "pspnet_tiny": (65, 65), "unet_tiny": (64, 64), "ddrnet23_slim": (64, 64)}


def distance(actual, expected):
    return float(np.linalg.norm(actual.astype(np.float64) - expected) / np.linalg.norm(expected))


def compare(args, name):
    programs = tools.Programs(args.bin)
    path = lambda suffix: os.path.join(args.o, name + suffix)
    height, width = NETWORKS[name]
    model, weights, narrow = path(".fb"), path(".safetensors"), path("8.safetensors")
    programs.run("graphc", os.path.join(args.graphs, name + ".json"), "-o", model, "-D", "classes=7")
    tools.save_random_weights(programs, model, weights, args.seed)
    sizes = [word for key, value in (("test_h", height), ("test_w", width), ("base_size", max(height, width))) for word in ("--set", "%s=%d" % (key, value))]
    programs.run("grun", "quantize", model, "--weights", weights, "--dataset", "shapes", "--images", 8, "--max-drop", 1, "-q", *sizes, "-o", narrow)
    programs.run("grun", "export", model, "--weights", narrow, "--precision", "int8", "--shape", "1,3,%d,%d" % (height, width), "-o", path(".onnx"))
    onnx.checker.check_model(onnx.load(path(".onnx")), full_check=True)
    image = np.random.default_rng(args.seed).standard_normal((1, 3, height, width), dtype=np.float32)
    np.save(path(".image.npy"), image)

    def ours(file, *options):
        programs.run("grun", "run", model, "--weights", file, "--cache", "none", "--input", path(".image.npy"), "--output", path(".logits.npy"), *options)
        return np.load(path(".logits.npy"))

    wide, here = ours(weights), ours(narrow, "--precision", "int8")
    there = tools.run_onnxruntime(path(".onnx"), [image])[0]
    both, own, other = distance(there, here), distance(here, wide), distance(there, wide)
    alike = float((there.argmax(1) == here.argmax(1)).mean())
    print("%-16s ours to f32 %.4f, ONNX Runtime to f32 %.4f, between them %.4f; %.2f %% of classes alike; %d bytes of %d"
          % (name, own, other, both, 100 * alike, os.path.getsize(path(".onnx")), os.path.getsize(weights)), flush=True)
    return other <= 1.5 * own and both <= 1.5 * own


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    failed = [name for name in args.net if not compare(args, name)]
    if failed:
        sys.exit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
