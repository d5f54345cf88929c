"""Times the reference in PyTorch on the CPU: full logits without the auxiliary head, or a training step with each head run once.

One measurement a process, so that the peak memory is its own. Prints one JSON object.
"""

import argparse
import json
import os
import resource
import statistics
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spnet", required=True)
    parser.add_argument("--mode", choices=["infer", "train"], required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--net", default="spnet50")
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--batch", type=int, help="1 for infer, 2 for train")
    parser.add_argument("--iters", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)

    import torch

    import spnet

    torch.set_num_threads(args.threads)
    spnet.use_reference(os.path.abspath(args.spnet))
    torch.manual_seed(0)
    batch = args.batch or (1 if args.mode == "infer" else 2)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    net = spnet.build(args.net, args.classes).to(memory_format=layout)
    image = torch.randn(batch, 3, args.size, args.size).to(memory_format=layout)
    label = torch.randint(0, args.classes, (batch, args.size, args.size))
    if args.mode == "infer":
        net.eval()

        def step():
            with torch.no_grad():
                spnet.logits(net, image)
    else:
        trainer = spnet.Trainer(net.train(), 0.01, 1000)

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
                "threads": args.threads, "channels_last": args.channels_last, "iters": args.iters,
                "median_s": statistics.median(times), "min_s": min(times),
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
