"""Times a network of graphs/ as PyTorch, ONNX Runtime or OpenVINO run its implementation on the CPU, full logits included; or
exports it as ONNX for the latter two.

One measurement a process, so that the peak memory is its own. Prints one JSON object.
"""

import argparse
import json
import os
import resource
import statistics
import time

import numpy


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def torch_logits(args):
    import torch

    import implementations

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    other = implementations.build(args.net, args.classes, args)
    other.net.eval()

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = other.net

        def forward(self, x):
            return other.heads(x)[0]

    return torch, Logits()


def torch_step(args):
    torch, logits = torch_logits(args)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    image = torch.randn(1, 3, args.height, args.width).to(memory_format=layout)
    logits.to(memory_format=layout)
    if args.precision == "bf16":
        logits, image = logits.bfloat16(), image.bfloat16()

    def step():
        with torch.inference_mode():
            logits(image)

    return step, torch.__version__


def ort_step(args):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.onnx, options, providers=["CPUExecutionProvider"])
    image = numpy.random.default_rng(0).standard_normal((1, 3, args.height, args.width), numpy.float32)
    return lambda: session.run(None, {"image": image}), onnxruntime.__version__


def openvino_step(args):
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(args.onnx), "CPU", {
        "INFERENCE_NUM_THREADS": args.threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": args.precision,
    })
    request = model.create_infer_request()
    image = numpy.random.default_rng(0).standard_normal((1, 3, args.height, args.width), numpy.float32)
    return lambda: request.infer({0: image}, share_inputs=True, share_outputs=True), openvino.__version__


def export(args):
    torch, logits = torch_logits(args)
    image = torch.randn(1, 3, args.height, args.width)
    torch.onnx.export(logits, (image,), args.onnx, input_names=["image"], output_names=["logits"], opset_version=17, dynamo=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=["torch", "ort", "openvino", "export"])
    parser.add_argument("--net", required=True)
    parser.add_argument("--onnx", help="the file that export writes and ort and openvino read")
    for option in ("ddrnet", "pidnet", "bisenet", "mmseg"):
        parser.add_argument("--" + option, help="as compare_networks.py has it")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--channels-last", action="store_true", help="PyTorch's tensors")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iters", type=int, default=5)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    if args.program == "export":
        return export(args)
    step, version = {"torch": torch_step, "ort": ort_step, "openvino": openvino_step}[args.program](args)
    step()
    times, processor = [], processor_seconds()
    for _ in range(args.iters):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    print(json.dumps({
        "median_s": statistics.median(times), "min_s": min(times), "max_s": max(times), "processor_s": (processor_seconds() - processor) / args.iters,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "version": version,
    }))


if __name__ == "__main__":
    main()
