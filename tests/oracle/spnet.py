"""Imports the reference SPNet on a CPU and gives its networks, random weights, training loss and optimiser."""

import collections
import collections.abc
import importlib
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN = [255 * v for v in (0.485, 0.456, 0.406)]
STD = [255 * v for v in (0.229, 0.224, 0.225)]


def use_reference(folder):
    """Makes the checkout importable and replaces what is missing on a CPU or in a current Python."""
    sys.path.insert(0, folder)
    collections.Iterable = collections.abc.Iterable
    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    nn.Module.cuda = lambda self, *args, **kwargs: self


def reference(name):
    """A module of the checkout, such as 'models.resnet'."""
    return importlib.import_module(name)


def build(name, classes):
    """name: spnet50, spnet101, fcn50 or tiny[:WIDTH]."""
    if name.startswith("tiny"):
        from tiny import Tiny

        return Tiny(classes, *(int(v) for v in name.split(":")[1:]))
    if name.startswith("fcn"):  # its constructor gives BaseNet "pretrained" by place
        return reference("models.fcn").FCN(nclass=classes, backbone="resnet" + name[len("fcn") :])
    return reference("models.spnet").SPNet(
        nclass=classes, backbone="resnet" + name[len("spnet") :], pretrained=None, aux=True, spm_on=True
    )


def batch_norms(net):
    return [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]


def randomise_norms(net, seed):
    """Random affine parameters and running statistics. The last norm of a residual branch is drawn four times smaller:
    the statistics do not fit the data, and without that the activations grow until every sigmoid saturates."""
    gen = torch.Generator().manual_seed(seed)
    closing = {id(m.bn3) for m in net.modules() if hasattr(m, "bn3")}
    for norm in batch_norms(net):
        low, high = (0.125, 0.375) if id(norm) in closing else (0.5, 1.5)
        norm.weight.data.uniform_(low, high, generator=gen)
        norm.bias.data.normal_(0, 0.1, generator=gen)
        norm.running_mean.normal_(0, 0.1, generator=gen)
        norm.running_var.uniform_(0.5, 1.5, generator=gen)


def make_kink_free(net, seed):
    """Scales and shifts under which no ReLU is near its kink, and no dropout: training is then reproducible to rounding."""
    gen = torch.Generator().manual_seed(seed)
    for norm in batch_norms(net):
        norm.weight.data.uniform_(0.05, 0.1, generator=gen)
        norm.bias.data.uniform_(1.0, 1.5, generator=gen)
    for norm in batch_norms(net):  # seen in evaluation only
        norm.running_mean.normal_(0, 0.1, generator=gen)
        norm.running_var.uniform_(0.5, 1.5, generator=gen)
    drop_nothing(net)


def drop_nothing(net):
    for module in net.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0


def resize(x, size):
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


def logits(net, image):
    """Main logits at full size; the auxiliary head is not run."""
    return resize(net.head(net.base_forward(image)[3]), image.shape[2:])


def losses(net, image, label, ignore=255, ranks=1):
    """Main and auxiliary loss; each head is run once.

    With several ranks: what DistributedDataParallel and SyncBatchNorm compute together, where each has an equal part of the
    batch. Statistics of batch norm are the whole batch's, the loss is the mean of the parts' means."""
    c3, c4 = net.base_forward(image)[2:]
    targets = label.chunk(ranks)

    def loss(logits):
        parts = zip(resize(logits, image.shape[2:]).chunk(ranks), targets)
        return torch.stack([F.cross_entropy(part, target, ignore_index=ignore) for part, target in parts]).mean()

    return tuple(loss(head(x)) for head, x in ((net.head, c4), (net.auxlayer, c3)))


def groups(net):
    """(parameters, factor of the learning rate)"""
    return [(list(m.parameters()), factor) for m, factor in ((net.pretrained, 1), (net.head, 10), (net.auxlayer, 10))]


class Trainer:
    """SGD with the references' two kinds of parameter groups and their poly schedule, set after each step.

    `family` is the module that knows the network: this one or semseg; `options` are of its losses."""

    def __init__(self, net, base_lr, max_iter, power=0.9, momentum=0.9, weight_decay=1e-4, aux_weight=0.4, family=None, **options):
        self.net, self.base_lr, self.max_iter, self.power, self.aux_weight = net, base_lr, max_iter, power, aux_weight
        self.family, self.options = family or sys.modules[__name__], options
        parts = self.family.groups(net)
        self.factors = [factor for _, factor in parts]
        params = [{"params": params, "lr": factor * base_lr} for params, factor in parts]
        self.sgd = torch.optim.SGD(params, lr=base_lr, momentum=momentum, weight_decay=weight_decay)
        self.done = 0
        self.poly = reference("util.util").poly_learning_rate

    def step(self, image, label, on_gradients=None):
        """One iteration. Returns (main, aux, total) losses."""
        main, aux = self.family.losses(self.net, image, label, **self.options)
        total = main + self.aux_weight * aux
        self.sgd.zero_grad()
        total.backward()
        if on_gradients:
            on_gradients()
        self.sgd.step()
        self.done += 1
        lr = self.poly(self.base_lr, self.done, self.max_iter, power=self.power)
        for group, factor in zip(self.sgd.param_groups, self.factors):
            group["lr"] = lr * factor
        return main.item(), aux.item(), total.item()


def state_arrays(net, dtype="float32"):
    """state_dict without batch counters, as arrays."""
    return {
        name: value.detach().numpy().astype(dtype)
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
