"""Times an ONNX file in ONNX Runtime on the CPU, as bench_torch.py times PyTorch. Prints one JSON object."""

import argparse
import json
import resource
import statistics
import time

import numpy
import onnxruntime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help=".onnx with one image input of fixed size")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iters", type=int, default=5)
    args = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0]
    data = {image.name: numpy.random.default_rng(0).standard_normal(image.shape, numpy.float32)}
    times = []
    for i in range(1 + args.iters):
        begin = time.perf_counter()
        session.run(None, data)
        if i > 0:
            times.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "median_s": statistics.median(times), "min_s": min(times), "shape": image.shape, "threads": args.threads,
        "peak_rss_mb": peak, "version": onnxruntime.__version__,
    }))


if __name__ == "__main__":
    main()
