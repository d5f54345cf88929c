"""Imports PSPNet and PSANet of the reference (hszhao/semseg) on a CPU, with point-wise attention masks in plain PyTorch: the
reference's extension in C++ does not compile with a current PyTorch."""

import importlib
import sys
import types

import torch
import torch.nn as nn
import torch.nn.functional as F


def psa_mask(attention, psa_type, mask_h, mask_w):
    """(n, mask_h * mask_w, h, w) of offsets to (n, h * w, h, w) of positions; what the mask does not reach is 0."""
    n, _, h, w = attention.shape
    place = torch.arange(h * w)
    row, column = place // w, place % w
    down = row[:, None] - row[None, :] + mask_h // 2  # [other place, own place], from 0
    right = column[:, None] - column[None, :] + mask_w // 2
    reached = (down >= 0) & (down < mask_h) & (right >= 0) & (right < mask_w)
    offset = torch.where(reached, down * mask_w + right, torch.zeros_like(down))
    values = attention.reshape(n, mask_h * mask_w, h * w).gather(1, offset.expand(n, -1, -1)) * reached
    if psa_type == 1:  # a place says where its features go, not where they come from
        values = values.transpose(1, 2)
    return values.reshape(n, h * w, h, w)


def use_reference(folder):
    """Makes the checkout importable."""
    sys.path.append(folder)
    functional = types.ModuleType("lib.psa.functional")
    functional.psa_mask = psa_mask
    psa = types.ModuleType("lib.psa")
    psa.functional = functional
    sys.modules.update({"lib": types.ModuleType("lib"), "lib.psa": psa, "lib.psa.functional": functional})


def reference(name):
    """A module of the checkout, such as 'model.pspnet'."""
    return importlib.import_module(name)


def mask_size(crop, shrink_factor, compact):
    side = (crop - 1) // (8 * shrink_factor) + 1
    return side if compact else 2 * side - 1


def build(name, classes, crop, **options):
    """name: pspnet or psanet, then the layers, or _tiny[:WIDTH] for the small network of graphs/. `options` are those of the
    reference's classes, and deep_base."""
    deep_base = options.pop("deep_base", True)
    kind, size = name[: len("pspnet")], name[len("pspnet") :]
    if kind == "psanet":
        side = mask_size(crop, options.get("shrink_factor", 2), options.get("compact", False))
        options = {"mask_h": side, "mask_w": side, **options}
        if options.get("normalization_factor") == 0:  # as in graphs/; the reference says None
            options["normalization_factor"] = None
    network = getattr(reference("model." + kind), {"pspnet": "PSPNet", "psanet": "PSANet"}[kind])
    layers = int(size) if size.isdigit() else 50
    net = network(layers=layers, classes=classes, pretrained=False, **options)
    if not size.isdigit():
        shrink(net, classes, int(size.partition(":")[2] or 16), options)
    return net if deep_base else with_plain_stem(net)


def norm_relu(channels):
    return nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


def classifier(channels, inner, classes):
    return nn.Sequential(
        nn.Conv2d(channels, inner, 3, padding=1, bias=False), *norm_relu(inner), nn.Dropout2d(0.1), nn.Conv2d(inner, classes, 1)
    )


def shrink(net, classes, width, options):
    """Puts small modules in the place of the network's; its forward() stays."""
    bottleneck = reference("model.resnet").Bottleneck
    channels = 2 * width

    def stage(planes, blocks, stride=1, dilation=1):
        nonlocal channels
        modules = []
        for i in range(blocks):
            down = None
            if i == 0:
                down = nn.Sequential(nn.Conv2d(channels, 4 * planes, 1, stride=stride, bias=False), nn.BatchNorm2d(4 * planes))
            modules.append(bottleneck(channels, planes, stride if i == 0 else 1, down))
            modules[-1].conv2.dilation = modules[-1].conv2.padding = (dilation, dilation)
            channels = 4 * planes
        return nn.Sequential(*modules)

    net.layer0 = nn.Sequential(
        nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), *norm_relu(width),
        nn.Conv2d(width, width, 3, padding=1, bias=False), *norm_relu(width),
        nn.Conv2d(width, 2 * width, 3, padding=1, bias=False), *norm_relu(2 * width), nn.MaxPool2d(3, 2, 1),
    )
    net.layer1 = stage(width, 1)
    net.layer2 = stage(3 * width // 2, 2, stride=2)
    net.layer3 = stage(2 * width, 2, dilation=2)
    net.aux = classifier(channels, channels // 4, classes)
    net.layer4 = stage(3 * width, 2, dilation=4)
    for part in (net.layer0, net.layer1, net.layer2, net.layer3, net.layer4):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    backbone = channels
    if hasattr(net, "ppm"):
        net.ppm = reference("model.pspnet").PPM(channels, channels // 4, (1, 2, 3, 6))
        channels *= 2
    if hasattr(net, "psa"):
        own = {k: v for k, v in options.items() if k not in ("zoom_factor", "dropout")}
        net.psa = reference("model.psanet").PSA(channels, channels // 4, **own)
        channels *= 2
    net.cls = classifier(channels, backbone // 4, classes)


def with_plain_stem(net):
    """The reference's ResNet has such a stem, too, but its networks cannot be made of it."""
    net.layer0 = nn.Sequential(
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    )
    first = net.layer1[0]
    first.conv1 = nn.Conv2d(64, 64, 1, bias=False)
    first.downsample[0] = nn.Conv2d(64, 256, 1, bias=False)
    return net


def logits(net, image):
    """In evaluation, at full size."""
    return F.interpolate(net(image), image.shape[2:], mode="bilinear", align_corners=True)


def losses(net, image, label):
    """Main and auxiliary loss, with the labels that belong to the zoom factor."""
    if net.zoom_factor != 8:  # as the reference's training program does it
        size = [(side - 1) // 8 * net.zoom_factor + 1 for side in label.shape[1:]]
        label = F.interpolate(label[:, None].double(), size, mode="bilinear", align_corners=True)[:, 0].long()
    return net(image, label)[1:]


def groups(net):
    """(parameters, factor of the learning rate)"""
    new = [m for m in (getattr(net, name, None) for name in ("ppm", "psa", "cls", "aux")) if m is not None]
    old = [net.layer0, net.layer1, net.layer2, net.layer3, net.layer4]
    return [(list(m.parameters()), 1) for m in old] + [(list(m.parameters()), 10) for m in new]
