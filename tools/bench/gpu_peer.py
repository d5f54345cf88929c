#!/usr/bin/env python3
"""Times PyTorch on a GPU at what `grun bench` and `grun eval` are timed at. Prints one JSON object a measurement, as soon as it is known.

    gpu_peer.py spnet50_train_eager spnet50_train_compile pspnet50_bf16_eager ...
    gpu_peer.py --warm spnet50_train_compile      compiles alone, for torch.compile's cache on disk
    gpu_peer.py --folder DIR eval                 writes images and weights there for `grun eval`, and its own label maps

compile: torch.compile, for inference with mode="reduce-overhead", which uses CUDA graphs. f32 is without TF32, tf32 with it.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import time

os.environ.setdefault("TORCHINDUCTOR_FX_GRAPH_CACHE", "1")
os.environ.setdefault("TORCHINDUCTOR_AUTOGRAD_CACHE", "1")

import torch
import torch.nn.functional as F

import gpu_networks

SMALL = {"width": 8, "classes": 7}
LEARNING_RATE, AUX_WEIGHT = 0.01, 0.4


class TooLong(Exception):
    pass


@contextlib.contextmanager
def limit(seconds):
    def stop(*_):
        raise TooLong("no result in %d s" % seconds)

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


class Peer:
    def __init__(self, args):
        self.args = args
        self.gpu = args.device == "cuda"
        torch.backends.cudnn.benchmark = True

    def wait(self):
        if self.gpu:
            torch.cuda.synchronize()

    def allow_tf32(self, allowed):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed

    def network(self, name, **options):
        torch.manual_seed(0)
        kinds = {"spnet50": gpu_networks.SPNet, "pspnet50": gpu_networks.PSPNet}
        net = gpu_networks.initialise(kinds[name](**(SMALL if self.args.small else {}), **options))
        return net.to(self.args.device, memory_format=torch.channels_last)

    def batch(self, n, size, classes):
        generator = torch.Generator().manual_seed(1)
        image = torch.randn(n, 3, size, size, generator=generator)
        label = torch.randint(0, classes, (n, size, size), generator=generator)
        return image.to(self.args.device, memory_format=torch.channels_last), label.to(self.args.device)

    def measure(self, step, iterations, warm):
        """Seconds of each call, and peaks of memory; the first calls do what is done once."""
        if self.args.warm:
            iterations, warm = 0, 2
        times = []
        if self.gpu:
            torch.cuda.reset_peak_memory_stats()
        for i in range(warm + iterations):
            if i == warm and self.gpu:
                reserved = torch.cuda.max_memory_reserved()
                torch.cuda.reset_peak_memory_stats()
            self.wait()
            start = time.perf_counter()
            step()
            self.wait()
            if i >= warm:
                times.append(time.perf_counter() - start)
        if not times:
            return {}
        result = {"median_s": statistics.median(times), "min_s": min(times)}
        if self.gpu:
            result["allocated_mb"] = torch.cuda.max_memory_allocated() / 1e6
            result["reserved_mb"] = max(reserved, torch.cuda.max_memory_reserved()) / 1e6
        return result

    def train(self, name, how):
        n, size = (2, 65) if self.args.small else (16, 480)
        net = self.network(name).train()
        image, label = self.batch(n, size, SMALL["classes"] if self.args.small else 150)
        slow, fast = ([p for m in modules for p in m.parameters()] for modules in net.groups())
        groups = [{"params": slow}, {"params": fast, "lr": 10 * LEARNING_RATE}]
        sgd = torch.optim.SGD(groups, lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-4)

        def loss(image, label):
            with torch.autocast(self.args.device, dtype=torch.bfloat16):
                main, aux = (F.cross_entropy(gpu_networks.resize(s, label.shape[1:]), label, ignore_index=255) for s in net.scores(image))
                return main + AUX_WEIGHT * aux

        run = torch.compile(loss) if how == "compile" else loss

        def step():
            sgd.zero_grad(set_to_none=True)
            run(image, label).backward()
            sgd.step()

        return self.measure(step, self.args.iters or 10, 3)

    def infer(self, name, precision, how):
        size = 65 if self.args.small else (473 if name == "pspnet50" else 480)
        self.allow_tf32(precision == "tf32")
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        net = self.network(name).eval().to(kind)
        image = self.batch(1, size, 2)[0].to(kind)
        run = torch.compile(net, mode="reduce-overhead") if how == "compile" else net

        def step():
            if how == "compile" and self.gpu:
                torch.compiler.cudagraph_mark_step_begin()
            with torch.inference_mode():
                run(image)

        return self.measure(step, self.args.iters or 30, 5)

    def run(self, name):
        net, kind, how = name.split("_")
        if kind == "train":
            return self.train(net, how)
        return self.infer(net, kind, how)

    def report(self, name, measured):
        print(json.dumps({"name": name, **measured}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurements", nargs="+", help="NET_train_HOW, NET_bf16_HOW, NET_f32_HOW, NET_tf32_HOW, or eval; HOW: eager, compile")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true", help="thin networks and small images, to try this program")
    parser.add_argument("--iters", type=int, help="timed calls")
    parser.add_argument("--limit", type=int, default=120, help="seconds of one measurement")
    parser.add_argument("--warm", action="store_true", help="compile, and time nothing")
    parser.add_argument("--folder", help="of eval")
    parser.add_argument("--images", type=int, default=3, help="of eval, to be written")
    parser.add_argument("--timed", type=int, help="of eval, the first of them, which are labelled here; all if not given")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("PyTorch finds no GPU", file=sys.stderr)
        sys.exit(77)
    peer = Peer(args)
    for name in args.measurements:
        try:
            with limit(args.limit):
                if name == "eval":
                    import gpu_eval

                    for which, measured in gpu_eval.run(peer):
                        peer.report(which, measured)
                else:
                    measured = peer.run(name)
                    if not args.warm:
                        peer.report(name, {**measured, "torch": torch.__version__})
        except Exception as error:  # one that fails leaves the others to be measured
            peer.report(name, {"error": "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0][:200])})
        if peer.gpu:
            torch._dynamo.reset()
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
