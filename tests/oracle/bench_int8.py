"""Times networks in int8 here and in OpenVINO, whose weights and activations NNCF quantises, in turn.

Speed does not depend on what a network has learnt: weights are those after one step of training. Both are quantised on the same
images, random ones as normalised pixels are spread. Every measurement is a process of its own; programs take turns, and the
fastest run of all is what counts. With AMX, and as a CPU without would compute (ONEDNN_MAX_CPU_ISA, which both libraries heed;
OpenVINO's layers that are not in int8 are in f32 there, as on such a CPU).
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

BARS = {"amx": 0.80, "vnni": 0.95}
SIZES = {"pspnet50": 473, "spnet50": 473}
CROPS = {"pspnet50": 121, "spnet50": 120}


def run(args, command, isa="amx"):
    environment = dict(os.environ, GRAPHRUN_HOME=args.home)
    environment.pop("OMP_WAIT_POLICY", None)  # users have not set it
    if isa == "vnni":
        environment["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_VNNI"
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit("%s\n%s" % (" ".join(map(str, command)), done.stderr[-2000:]))
    return done.stdout


def last_json(text):
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def quantise_by_nncf(source, target, images, size):
    """In a process of its own, as NNCF brings PyTorch along."""
    import nncf
    import openvino

    rng = np.random.default_rng(1)
    data = [rng.standard_normal((1, 3, size, size), dtype=np.float32) for _ in range(images)]
    model = nncf.quantize(openvino.Core().read_model(source), nncf.Dataset(data), subset_size=images)
    openvino.save_model(model, target)


def time_openvino(path, threads, iters, isa):
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    if isa == "vnni":
        options["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = core.compile_model(core.read_model(path), "CPU", options)
    request = compiled.create_infer_request()
    shape = [int(extent) for extent in compiled.input(0).shape]
    request.set_input_tensor(openvino.Tensor(np.random.default_rng(2).standard_normal(shape, dtype=np.float32)))
    request.infer()
    seconds = []
    for _ in range(iters):
        begin = time.perf_counter()
        request.infer()
        seconds.append(time.perf_counter() - begin)
    kinds = {}
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if info["layerType"].astype(str) == "Convolution":
            kind = info["primitiveType"].astype(str)
            kinds[kind] = kinds.get(kind, 0) + 1
    print(json.dumps({"min_s": min(seconds), "median_s": float(np.median(seconds)), "kinds": kinds}))


class Network:
    def __init__(self, args, name):
        self.args, self.name, self.size = args, name, SIZES[name]
        self.path = lambda suffix: os.path.join(args.o, name + suffix)

    def prepare(self):
        args, crop = self.args, CROPS[self.name]
        grun, graphc = (os.path.join(args.bin, program) for program in ("grun", "graphc"))
        data = ["--dataset", "shapes", "--threads", args.threads]
        sizes = [word for key in ("train_h", "train_w", "test_h", "test_w", "base_size") for word in ("--set", "%s=%d" % (key, crop))]
        if not os.path.exists(self.path("")):
            run(args, [graphc, os.path.join(args.home, "graphs", self.name + ".json"), "-o", self.path(".fb")])
            run(args, [grun, "train", self.path(".fb"), *data, *sizes, "--set", "batch_size=2", "--max-iters", 1, "-q", "-o", self.path("")])
        weights = os.path.join(self.path(""), "checkpoints", "interrupted.safetensors")
        if not os.path.exists(self.path("8.safetensors")):
            run(args, [grun, "quantize", self.path(""), *data, *sizes, "--images", args.images, "-q", "-o", self.path("8.safetensors")])
        shape = "1,3,%d,%d" % (self.size, self.size)
        if not os.path.exists(self.path(".onnx")):
            run(args, [grun, "export", os.path.join(self.path(""), "model.fb"), "--weights", weights, "--shape", shape, "-q", "-o", self.path(".onnx")])
        if not os.path.exists(self.path("8.xml")):
            run(args, [sys.executable, __file__, "--quantise", self.path(".onnx"), self.path("8.xml"), args.images, self.size])

    def ours(self, isa):
        shape = "1,3,%d,%d" % (self.size, self.size)
        command = [os.path.join(self.args.bin, "grun"), "bench", os.path.join(self.path(""), "model.fb"), "--weights", self.path("8.safetensors")]
        command += ["--precision", "int8", "--mode", "infer", "--shape", shape, "--iters", self.args.iters, "--threads", self.args.threads, "--json"]
        return last_json(run(self.args, command, isa))

    def theirs(self, isa):
        return last_json(run(self.args, [sys.executable, __file__, "--time", self.path("8.xml"), self.args.threads, self.args.iters, isa], isa))

    def compare(self, isa):
        ours, theirs = [], []
        for _ in range(self.args.rounds):
            ours.append(self.ours(isa)["min_s"])
            theirs.append(self.theirs(isa))
        fastest = min(ours), min(result["min_s"] for result in theirs)
        ratio = fastest[0] / fastest[1]
        print("%s, %s: %.4f s, OpenVINO %.4f s (%s), ratio %.3f, bar %.2f: %s" % (
            self.name, isa, *fastest, ", ".join("%s %d" % kind for kind in sorted(theirs[0]["kinds"].items())), ratio, BARS[isa],
            "met" if ratio <= BARS[isa] else "missed"), flush=True)


def main():
    if sys.argv[1:2] == ["--quantise"]:
        return quantise_by_nncf(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    if sys.argv[1:2] == ["--time"]:
        return time_openvino(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default=root, help="the checkout, which has graphs/ and datasets/")
    parser.add_argument("--bin", default=os.path.join(root, "build/cpu/bin"), help="where graphc and grun are")
    parser.add_argument("--net", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--isa", nargs="+", choices=list(BARS), default=list(BARS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iters", type=int, default=10, help="timed runs of a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=4, help="of the calibration")
    parser.add_argument("--only-prepare", action="store_true")
    parser.add_argument("-o", required=True, help="folder of models and weights, which are kept")
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    networks = [Network(args, name) for name in args.net]
    for network in networks:
        network.prepare()
    for isa in args.isa if not args.only_prepare else []:
        for network in networks:
            network.compare(isa)


if __name__ == "__main__":
    main()
