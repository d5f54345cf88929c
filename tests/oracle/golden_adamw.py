"""AdamW golden: 50 steps of torch.optim.AdamW in f64 on the network of tests/golden/adamw/net.json, which stands beside what is written.

Starting weights, three batches that take turns, the loss of every step, parameters and running statistics afterwards. Everything
starts from the same f32 numbers; what an f32 run of PyTorch itself differs by is printed.
"""

import argparse
import copy
import json
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import files

STEPS, BATCHES, SIDE, CLASSES, BASE_LR = 50, 3, 17, 5, 1e-3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(12)
        self.score = nn.Conv2d(12, CLASSES, 1)

    def forward(self, x):
        y = torch.sigmoid(self.bn1(self.conv1(x)))
        y = torch.sigmoid(self.bn2(self.conv2(y)))
        return F.interpolate(self.score(y), x.shape[2:], mode="bilinear", align_corners=True)


def optimizer(net):
    """Norms and biases do not decay; the last convolution has twice the learning rate. Groups are (factor, decay)."""
    groups = {}
    for name, parameter in net.named_parameters():
        key = (2 if name.startswith("score.") else 1, 0 if parameter.ndim == 1 else 0.05)
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": f * BASE_LR, "weight_decay": d, "factor": f} for (f, d), p in groups.items()],
        betas=(0.9, 0.999), eps=1e-8,
    )


def train(net, batches, dtype):
    net = copy.deepcopy(net).to(dtype).train()
    adamw, losses = optimizer(net), []
    for step in range(STEPS):
        image, label = batches[step % BATCHES]
        for group in adamw.param_groups:
            group["lr"] = group["factor"] * BASE_LR * (1 - step / STEPS) ** 0.9
        loss = F.cross_entropy(net(image.to(dtype)), label, ignore_index=255)
        adamw.zero_grad()
        loss.backward()
        adamw.step()
        losses.append(loss.item())
    return net, losses


def tensors(net, dtype=np.float32):
    return {k: v.numpy().astype(dtype) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    net = Net()
    for norm in (net.bn1, net.bn2):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    rng = np.random.default_rng(args.seed)
    images = rng.standard_normal((BATCHES, 2, 3, SIDE, SIDE), dtype=np.float32)
    labels = rng.integers(0, CLASSES + 1, (BATCHES, 2, SIDE, SIDE), dtype=np.int32)
    labels[labels == CLASSES] = 255
    batches = [(torch.from_numpy(i), torch.from_numpy(l).long()) for i, l in zip(images, labels)]

    exact, losses = train(net, batches, torch.float64)
    near, near_losses = train(net, batches, torch.float32)
    print("f32 of PyTorch: losses", max(abs(a / b - 1) for a, b in zip(near_losses, losses)))
    expected = tensors(exact, np.float64)
    for name, value in tensors(near).items():
        print("  ", name, np.abs(value - expected[name]).max(), np.abs(expected[name]).max())
    path = lambda name: os.path.join(args.o, name)
    files.save_safetensors(path("start.safetensors"), tensors(net))
    files.save_safetensors(path("after.safetensors"), tensors(exact))
    np.save(path("images.npy"), images)
    np.save(path("labels.npy"), labels)
    settings = {"steps": STEPS, "base_lr": BASE_LR, "schedule": "base_lr * (1 - step / steps)^0.9", "seed": args.seed}
    with open(path("losses.json"), "w") as out:
        json.dump({"torch": torch.__version__, "settings": settings, "f64": losses}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
