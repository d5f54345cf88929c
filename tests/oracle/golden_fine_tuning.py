#!/usr/bin/env python3
"""Writes tests/golden/fine_tuning: a network of 3 classes is fine-tuned to 5, in PyTorch and f64.

Its first convolution and batch norm are frozen (no gradient, running statistics), the second convolution learns at half
the rate, the new heads at ten times; cosine after a linear warm-up, gradient clipping, and moving averages of the parameters.
The start is kink-free and without dropout. schedules.json: rates of PyTorch's schedulers, and the settings that give them.
"""
import copy
import json
import os
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import files

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "golden", "fine_tuning")
ITERATIONS, BATCHES, BATCH, SIDE = 20, 4, 2, 17
SETTINGS = {"schedule": "cosine", "base_lr": 0.02, "min_lr": 0.001, "warmup_iters": 4, "warmup_factor": 0.1,
            "clip_norm": 0.4, "ema": 0.8}


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(12)

    def forward(self, x):
        c1 = F.relu(self.bn1(self.conv1(x)))
        c2 = F.relu(self.bn2(self.conv2(c1)))
        return c2, F.relu(self.bn3(self.conv3(c2)))


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Conv2d(12, classes, 1)
        self.aux = nn.Conv2d(8, classes, 1)

    def forward(self, x):
        c2, c3 = self.backbone(x)
        full = lambda score: F.interpolate(score, size=x.shape[2:], mode="bilinear", align_corners=True)
        return full(self.head(c3)), full(self.aux(c2))


def make_kink_free(net, seed):
    gen = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.05, 0.1, generator=gen)
            module.bias.data.uniform_(1.0, 1.5, generator=gen)
            module.running_mean.normal_(0, 0.1, generator=gen)
            module.running_var.uniform_(0.5, 1.5, generator=gen)


def batches():
    rng = np.random.default_rng(7)
    image = rng.standard_normal((BATCHES, BATCH, 3, SIDE, SIDE), dtype=np.float32)
    label = rng.integers(0, 6, (BATCHES, BATCH, SIDE, SIDE), dtype=np.int32)
    label[label == 5] = 255
    return image, label


def arrays(module):
    return {name: value.detach().numpy().astype(np.float32) for name, value in module.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def fine_tune(net, image, label):
    net = copy.deepcopy(net).double().train()
    for module in (net.backbone.conv1, net.backbone.bn1):
        module.requires_grad_(False)
    net.backbone.bn1.eval()
    base = SETTINGS["base_lr"]
    half = list(net.backbone.conv2.parameters())
    rest = [*net.backbone.bn2.parameters(), *net.backbone.conv3.parameters(), *net.backbone.bn3.parameters()]
    heads = [*net.head.parameters(), *net.aux.parameters()]
    optimizer = torch.optim.SGD([{"params": half, "lr": base * 0.5}, {"params": rest, "lr": base},
                                 {"params": heads, "lr": base * 10}], momentum=0.9, weight_decay=1e-4)
    averages = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(SETTINGS["ema"]))
    rates = rates_of(SETTINGS, ITERATIONS, ITERATIONS)
    rows = []
    for i in range(ITERATIONS):
        for group, factor in zip(optimizer.param_groups, (0.5, 1, 10)):
            group["lr"] = rates[i] * factor
        x = torch.from_numpy(image[i % BATCHES]).double()
        y = torch.from_numpy(label[i % BATCHES]).long()
        main, aux = (F.cross_entropy(score, y, ignore_index=255) for score in net(x))
        loss = main + 0.4 * aux
        optimizer.zero_grad()
        loss.backward()
        trained = [p for p in net.parameters() if p.requires_grad]
        norm = torch.nn.utils.clip_grad_norm_(trained, SETTINGS["clip_norm"])
        optimizer.step()
        averages.update_parameters(net)
        rows.append({"iter": i + 1, "main_loss": main.item(), "aux_loss": aux.item(), "loss": loss.item(),
                     "norm": norm.item(), "lr": rates[i]})
        print(rows[-1])
    return net, averages.module, rows


def rates_of(settings, iterations, per_epoch):
    """Learning rate of each iteration, from PyTorch's schedulers."""
    get = lambda name, default: settings.get(name, default)
    base, least, warmup = get("base_lr", 0.01), get("min_lr", 0.0), get("warmup_iters", 0)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    after = iterations - warmup
    kind = get("schedule", "poly")
    if kind == "poly":
        main = lr_scheduler.PolynomialLR(optimizer, total_iters=after, power=get("power", 0.9))
    elif kind == "cosine":
        main = lr_scheduler.CosineAnnealingLR(optimizer, T_max=after, eta_min=least)
    elif kind == "step":
        at = [round(epoch * per_epoch) - warmup for epoch in settings["step_epochs"]]
        main = lr_scheduler.MultiStepLR(optimizer, milestones=at, gamma=get("step_factor", 0.1))
    else:
        main = lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=after)
    schedule = main
    if warmup > 0:
        rise = lr_scheduler.LinearLR(optimizer, start_factor=get("warmup_factor", 0.001), total_iters=warmup)
        schedule = lr_scheduler.SequentialLR(optimizer, [rise, main], milestones=[warmup])
    rates = []
    for _ in range(iterations):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def schedules():
    cases = [{}, {"power": 2.0}, {"warmup_iters": 7}, {"warmup_iters": 10, "warmup_factor": 0.25, "base_lr": 0.3},
             {"schedule": "cosine"}, {"schedule": "cosine", "min_lr": 1e-4, "warmup_iters": 5},
             {"schedule": "cosine", "base_lr": 0.02, "min_lr": 0.001},
             {"schedule": "step", "step_epochs": [1, 3, 4.5]},
             {"schedule": "step", "step_epochs": [2, 4], "step_factor": 0.5, "warmup_iters": 6},
             {"schedule": "constant"}, {"schedule": "constant", "warmup_iters": 9, "warmup_factor": 0.1}]
    return [{"settings": case, "epochs": 5, "iterations_per_epoch": 20, "rates": rates_of(case, 100, 20)} for case in cases]


def main():
    warnings.filterwarnings("ignore")
    os.makedirs(OUT, exist_ok=True)
    path = lambda name: os.path.join(OUT, name)
    torch.manual_seed(1)
    source = Net(3)
    make_kink_free(source, 1)
    net = Net(5)
    net.backbone.load_state_dict(source.backbone.state_dict())
    image, label = batches()
    torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in source.state_dict().items()}}, path("source.pth"))
    files.save_safetensors(path("start.safetensors"), arrays(net))
    np.save(path("image.npy"), image)
    np.save(path("label.npy"), label)
    trained, averaged, rows = fine_tune(net, image, label)
    files.save_safetensors(path("after.safetensors"), arrays(trained))
    files.save_safetensors(path("averages.safetensors"), arrays(averaged))
    with open(path("losses.json"), "w") as out:
        json.dump({"torch": torch.__version__, "settings": SETTINGS, "iterations": rows}, out, indent=1)
        out.write("\n")
    with open(path("schedules.json"), "w") as out:
        json.dump(schedules(), out)
        out.write("\n")


if __name__ == "__main__":
    main()
