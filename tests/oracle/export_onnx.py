"""Every graph of graphs/ as ONNX: onnx.checker's full check, logits of ONNX Runtime and OpenVINO against those of
`grun run`, classes against the label maps of `grun predict`; at three sizes each, with sizes fixed and, where the graph
allows it, open. Random weights. Ends with 77 where a package is missing."""

import argparse
import glob
import os
import sys

try:
    import numpy as np
    import onnx
    import onnxruntime  # noqa: F401: onnx_files runs it
    from PIL import Image

    import onnx_files as tools
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)

SIZES = [(97, 129), (145, 113), (161, 193), (96, 128), (160, 96), (128, 192), (192, 256), (256, 128), (129, 129)]
LIMITS = {"onnxruntime": 1e-4, "openvino": 1e-3, "onnxruntime, sizes open": 1e-4}
CLASSES = 11


def accepted(programs, model, count):
    taken = []
    for height, width in SIZES:
        try:
            programs.run("grun", "info", model, "-q", "--shape", "1,3,%d,%d" % (height, width))
        except RuntimeError:
            continue
        taken.append((height, width))
        if len(taken) == count:
            break
    return taken


class Network:
    def __init__(self, args, graph):
        self.args = args
        self.programs = tools.Programs(args.bin)
        self.name = os.path.splitext(os.path.basename(graph))[0]
        self.model = self.path(".fb")
        self.weights = self.path(".safetensors")
        self.programs.run("graphc", graph, "-o", self.model, "-D", "classes=%d" % CLASSES)
        tools.save_random_weights(self.programs, self.model, self.weights, args.seed)
        self.sizes = accepted(self.programs, self.model, args.sizes)

    def path(self, suffix):
        return os.path.join(self.args.o, self.name + suffix)

    def export(self, *options):
        path = self.path(".onnx")
        self.programs.run("grun", "export", self.model, "--weights", self.weights, "-o", path, *options)
        onnx.checker.check_model(onnx.load(path), full_check=True)
        return path

    def logits(self, height, width):
        image = np.random.default_rng(height).standard_normal((1, 3, height, width), dtype=np.float32)
        np.save(self.path(".image.npy"), image)
        self.programs.run("grun", "run", self.model, "--weights", self.weights, "--cache", "none",
                          "--input", self.path(".image.npy"), "--output", self.path(".logits.npy"))
        return image, np.load(self.path(".logits.npy"))

    def label_map(self, height, width):
        """Pixels, and the classes that grun predict gives them in one pass over the image."""
        pixels = np.random.default_rng(width).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.BICUBIC))
        Image.fromarray(pixels).save(self.path(".png"))
        self.programs.run("grun", "predict", self.model, "--weights", self.weights, "--cache", "none", "--dataset", "camvid",
                          "--protocol", "whole", "--scales", "1", "--no-flip", "--set", "base_size=%d" % max(height, width),
                          "-o", self.path(".labels"), self.path(".png"))
        return pixels, np.asarray(Image.open(os.path.join(self.path(".labels"), "gray", self.name + ".png")))

    def open_sizes(self):
        """The model whose sizes are open, or None and why."""
        try:
            return self.export("--dynamic"), ""
        except RuntimeError as error:
            return None, str(error).split("error: ")[-1]

    def errors(self):
        for height, width in self.sizes:
            fixed = ("--shape", "1,3,%d,%d" % (height, width))
            image, expected = self.logits(height, width)
            path = self.export(*fixed)
            yield "onnxruntime", tools.relative_error(tools.run_onnxruntime(path, [image])[0], expected)
            if self.args.openvino:
                yield "openvino", tools.relative_error(tools.run_openvino(path, [image])[0], expected)
            pixels, labels = self.label_map(height, width)
            classes = tools.run_onnxruntime(self.export(*fixed, "--output", "classes", "--pixels"), [pixels[None]])[0]
            yield "classes", float((classes[0] != labels).mean())
            path, _ = self.open_sizes()
            if path is not None:
                yield "onnxruntime, sizes open", tools.relative_error(tools.run_onnxruntime(path, [image])[0], expected)

    def report(self):
        worst = {}
        for what, error in self.errors():
            worst[what] = max(worst.get(what, 0), error)
        path, why = self.open_sizes()
        print("%-28s %s  %s" % (self.name, " ".join("%dx%d" % size for size in self.sizes),
                                ", ".join("%s %.1e" % entry for entry in worst.items())), flush=True)
        if path is None:
            print("    sizes stay fixed: %s" % why, flush=True)
        return len(self.sizes) == self.args.sizes and all(error <= dict(LIMITS, classes=1e-4)[what] for what, error in worst.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", nargs="*", help="names; all of graphs/ if not given")
    parser.add_argument("--graphs", default="graphs")
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--sizes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--openvino", action="store_true")
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    graphs = [path for path in sorted(glob.glob(os.path.join(args.graphs, "*.json"))) if ".schema." not in path]
    if args.net:
        graphs = [os.path.join(args.graphs, name + ".json") for name in args.net]
    failed = [graph for graph in graphs if not Network(args, graph).report()]
    if failed:
        sys.exit("beyond the limit: " + ", ".join(failed))


if __name__ == "__main__":
    main()
