"""Quantised networks (QDQ) through `grun import`: logits of `grun run` on the imported network, which does not round
activations, against those of ONNX Runtime on the quantised file and on the file before it was quantised. Networks are
torchvision's, segmentation_models_pytorch's and our own export; the quantiser is ONNX Runtime's (static, both types of
activations, weights by channel and not), on random images."""

import argparse
import os
import sys

try:
    import numpy as np
    import onnx
    import onnxruntime  # noqa: F401
    from onnxruntime import quantization

    import import_networks
    import onnx_files as tools
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)

NETWORKS = ("resnet18", "mobilenet_v2", "fcn_resnet50", "smp_Unet_resnet34", "smp_Linknet_resnet18")


class Images(quantization.CalibrationDataReader):
    def __init__(self, name, size, count=4):
        rng = np.random.default_rng(0)
        self.images = iter([{name: rng.standard_normal((1, 3, size, size), dtype=np.float32)} for _ in range(count)])

    def get_next(self):
        return next(self.images, None)


def distance(actual, expected):
    return float(np.linalg.norm(actual.astype(np.float64) - expected) / np.linalg.norm(expected))


def compare(args, programs, name, signed, per_channel):
    path = lambda suffix: os.path.join(args.o, "%s_%d%d%s" % (name, signed, per_channel, suffix))
    image = import_networks.exported(args, name, "torchscript", path(".onnx"))
    inputs = onnx.load(path(".onnx")).graph.input
    activations = quantization.QuantType.QInt8 if signed else quantization.QuantType.QUInt8
    quantization.quantize_static(path(".onnx"), path("8.onnx"), Images(inputs[0].name, args.size), quant_format=quantization.QuantFormat.QDQ,
                                 per_channel=per_channel, activation_type=activations, weight_type=quantization.QuantType.QInt8)
    np.save(path(".image.npy"), image)
    programs.run("grun", "import", path("8.onnx"), "-q", "-o", path("_in"))
    programs.run("grun", "run", path("_in.fb"), "--weights", path("_in.safetensors"), "--cache", "none", "--input", "image=" + path(".image.npy"), "--output", "logits=" + path(".npy"))
    ours = np.load(path(".npy"))
    rounded = tools.run_onnxruntime(path("8.onnx"), [image])[0].reshape(ours.shape)
    wide = tools.run_onnxruntime(path(".onnx"), [image])[0].reshape(ours.shape)
    of_file, to_wide, to_rounded = distance(rounded, wide), distance(ours, wide), distance(ours, rounded)
    print("%-20s %s activations, %s: the quantised file to f32 %.4f, imported to f32 %.4f, between them %.4f"
          % (name, "int8" if signed else "uint8", "by channel" if per_channel else "one scale", of_file, to_wide, to_rounded), flush=True)
    # What is left is the rounding of weights, a part of the file's.
    return to_wide <= 1.1 * of_file and to_rounded <= 1.5 * of_file


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    programs = tools.Programs(args.bin)
    failed = ["%s %s %s" % (name, signed, by_channel) for name in args.net for signed in (False, True) for by_channel in (False, True)
              if not compare(args, programs, name, signed, by_channel)]
    if failed:
        sys.exit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
