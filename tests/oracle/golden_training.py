"""Training golden: starting weights, batches, losses of every iteration, first-step gradients, weights afterwards.

The start is kink-free and without dropout, so that another implementation can be compared step by step. Everything starts from the
same f32 numbers and is computed in f32 and in f64. With --small only what a test reads is written: of f64, kept as f32,
the gradients, what has one dimension after training (norms, their statistics, biases), and the logits of the start in evaluation.
"""

import argparse
import copy
import json
import os

import numpy as np
import torch

import camvid
import files
import networks
import spnet


def random_batches(count, batch, crop, classes, seed):
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((batch, 3, crop, crop), dtype=np.float32)
    label = rng.integers(0, classes + 1, (batch, crop, crop), dtype=np.int32)
    label[label == classes] = 255
    return [(torch.from_numpy(image), torch.from_numpy(label).long())] * count


def camvid_batches(folder, count, batch, crop):
    data = camvid.dataset(folder, "train", camvid.plain_transform(crop))
    items = [data[i] for i in range(count * batch)]
    stack = lambda k, part: torch.stack([item[k] for item in part]).contiguous()
    parts = [items[i * batch : (i + 1) * batch] for i in range(count)]
    return [(stack(0, part), stack(1, part)) for part in parts], len(data)


def train(net, batches, args, max_iter, dtype):
    net = copy.deepcopy(net).to(dtype).train()
    options = {"ranks": args.ranks} if args.ranks > 1 else {}
    trainer = spnet.Trainer(net, args.base_lr, max_iter, family=networks.family(args.net), **options)
    gradients = {}

    def keep_first():
        if not gradients:
            gradients.update({name: p.grad.numpy().copy() for name, p in net.named_parameters()})

    rows = []
    for i, (image, label) in enumerate(batches):
        main, aux, total = trainer.step(image.to(dtype), label, keep_first)
        rows.append({"iter": i + 1, "main_loss": main, "aux_loss": aux, "loss": total})
        print(dtype, rows[-1], flush=True)
    return net, rows, gradients


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    networks.add_arguments(parser)
    parser.add_argument("--camvid", help="data set folder; without it one random batch is used throughout")
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--crop", type=int, default=121)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--ranks", type=int, default=1, help="that share the batch (SPNet): loss of loss_average=rank")
    parser.add_argument("--iters", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=1, help="of the schedule; the iterations run may be fewer")
    parser.add_argument("--base-lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    networks.use_references(args)
    os.makedirs(args.o, exist_ok=True)
    path = lambda name: os.path.join(args.o, name)

    torch.manual_seed(args.seed)
    net = networks.build(args, args.crop)
    spnet.make_kink_free(net, args.seed)
    if args.camvid:
        batches, images = camvid_batches(args.camvid, args.iters, args.batch, args.crop)
        max_iter = args.epochs * (images // args.batch)
    else:
        batches = random_batches(args.iters, args.batch, args.crop, args.classes, args.seed)
        max_iter = args.epochs * args.iters
    start = copy.deepcopy(net.state_dict())

    result = {"net": args.net, "torch": torch.__version__, "settings": {**vars(args), "max_iter": max_iter}}
    for key in ("o", "spnet", "semseg", "camvid"):
        del result["settings"][key]
    for name, dtype in (("f64", torch.float64), ("f32", torch.float32)):
        trained, result[name], gradients = train(net, batches, args, max_iter, dtype)
        after = spnet.state_arrays(trained, "float" + name[1:])
        if not args.small:
            files.save_safetensors(path("gradients_%s.safetensors" % name), gradients)
            files.save_safetensors(path("after_%s.safetensors" % name), after)
        elif name == "f64":
            small = lambda tensors: {k: np.float32(v) for k, v in tensors.items()}
            files.save_safetensors(path("gradients.safetensors"), small(gradients))
            norms = {k: v for k, v in after.items() if v.ndim == 1}
            files.save_safetensors(path("after.safetensors"), small(norms))
    with open(path("losses.json"), "w") as out:
        json.dump(result, out, indent=1)
        out.write("\n")

    files.save_safetensors(path("start.safetensors"), spnet.state_arrays(net))
    if args.small:
        np.save(path("image.npy"), batches[0][0].numpy())
        np.save(path("label.npy"), batches[0][1].numpy().astype(np.int32))
        with torch.no_grad():
            out = networks.family(args.net).logits(copy.deepcopy(net).double().eval(), batches[0][0][:1].double())
        np.save(path("logits.npy"), out.numpy().astype(np.float32))
    else:
        torch.save(start, path("start.pth"))
        np.save(path("images.npy"), torch.stack([b[0] for b in batches]).numpy())
        np.save(path("labels.npy"), torch.stack([b[1] for b in batches]).numpy().astype(np.int32))


if __name__ == "__main__":
    main()
