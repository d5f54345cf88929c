"""Times a reference in PyTorch on the CPU: full logits without the auxiliary head, or a training step with each head run once; or
exports the former as ONNX.

One measurement a process, so that the peak memory is its own. Prints one JSON object.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import time
import types


def fix_pools(torch, net, run):
    """Adaptive pools become plain ones for the sizes that they meet in run(): the exporter knows no others. True where bins divide
    the map."""
    sizes = {}
    pools = [m for m in net.modules() if isinstance(m, torch.nn.AdaptiveAvgPool2d)]
    hooks = [m.register_forward_hook(lambda m, x, y: sizes.update({m: (x[0].shape[2:], y.shape[2:])})) for m in pools]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    for parent in list(net.modules()):
        for name, module in parent.named_children():
            if module in sizes:
                size, bins = sizes[module]
                if any(a % b for a, b in zip(size, bins)):
                    raise SystemExit("a pool of %s bins over %s pixels cannot be exported" % (tuple(bins), tuple(size)))
                setattr(parent, name, torch.nn.AvgPool2d([a // b for a, b in zip(size, bins)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spnet", help="checkout of Andrew-Qibin/SPNet")
    parser.add_argument("--semseg", help="checkout of hszhao/semseg")
    parser.add_argument("-D", action="append", default=[], metavar="NAME=NUMBER", help="option of PSPNet or PSANet")
    parser.add_argument("--mode", choices=["infer", "train", "export"], required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--net", default="spnet50")
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--batch", type=int, help="1 for infer and export, 2 for train")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32", help="bf16: by autocast")
    parser.add_argument("--iters", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("-o", help="of export: the .onnx file")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)

    import torch

    import networks
    import spnet

    torch.set_num_threads(args.threads)
    networks.use_references(args)
    torch.manual_seed(0)
    batch = args.batch or (2 if args.mode == "train" else 1)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    family = networks.family(args.net)
    net = networks.build(args, args.size).to(memory_format=layout)
    image = torch.randn(batch, 3, args.size, args.size).to(memory_format=layout)
    label = torch.randint(0, args.classes, (batch, args.size, args.size))
    if args.precision == "bf16":
        precision = lambda: torch.autocast("cpu", dtype=torch.bfloat16)
    else:
        precision = contextlib.nullcontext

    if args.mode == "export":
        class Logits(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net.eval()

            def forward(self, x):
                return family.logits(self.net, x)

        fix_pools(torch, net.eval(), lambda: family.logits(net, image))
        torch.onnx.export(Logits(), (image,), args.o, input_names=["image"], output_names=["logits"], opset_version=17, dynamo=False)
        return
    if args.mode == "infer":
        net.eval()

        def step():
            with torch.no_grad(), precision():
                family.logits(net, image)
    else:
        def losses(*batch):
            with precision():
                return family.losses(*batch)

        trainer = spnet.Trainer(
            net.train(), 0.01, 1000, family=types.SimpleNamespace(losses=losses, groups=family.groups)
        )

        def step():
            trainer.step(image, label)

    times = []
    for i in range(args.warmup + args.iters):
        begin = time.perf_counter()
        step()
        if i >= args.warmup:
            times.append(time.perf_counter() - begin)
    print(
        json.dumps(
            {
                "mode": args.mode, "net": args.net, "shape": [batch, 3, args.size, args.size], "classes": args.classes,
                "threads": args.threads, "precision": args.precision, "channels_last": args.channels_last,
                "iters": args.iters, "median_s": statistics.median(times), "min_s": min(times),
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "version": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
