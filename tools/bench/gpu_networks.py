"""SPNet-50 and PSPNet-50 in PyTorch, written from graphs/*.json, whose names their parameters have: what gpu_peer.py times."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def resize(x, size):
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


def conv_bn(inputs, outputs, kernel=1, stride=1, dilation=1):
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (height // 2 * dilation, width // 2 * dilation)
    return [nn.Conv2d(inputs, outputs, (height, width), stride, padding, dilation, bias=False), nn.BatchNorm2d(outputs)]


def conv_bn_relu(inputs, outputs, kernel=1):
    return [*conv_bn(inputs, outputs, kernel), nn.ReLU(inplace=True)]


def classifier(inputs, channels, classes):
    return nn.Sequential(*conv_bn_relu(inputs, channels, 3), nn.Dropout2d(0.1), nn.Conv2d(channels, classes, 1))


class Gate(nn.Module):
    """strip_pooling_gate"""

    def __init__(self, channels):
        super().__init__()
        self.conv1, self.bn1 = conv_bn(channels, channels, (3, 1))
        self.conv2, self.bn2 = conv_bn(channels, channels, (1, 3))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.rows, self.columns = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))

    def forward(self, x):
        rows = self.bn1(self.conv1(self.rows(x))).expand_as(x)
        columns = self.bn2(self.conv2(self.columns(x))).expand_as(x)
        return self.conv3(F.relu(rows + columns)).sigmoid()


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride, dilation, gate):
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, planes)
        self.conv2, self.bn2 = conv_bn(planes, planes, 3, stride, dilation)
        self.conv3, self.bn3 = conv_bn(planes, 4 * planes)
        self.spm = Gate(planes) if gate else None
        changes = stride != 1 or inputs != 4 * planes
        self.downsample = nn.Sequential(*conv_bn(inputs, 4 * planes, 1, stride)) if changes else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        if self.spm is not None:
            y = y * self.spm(y)
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def stage(inputs, planes, blocks, stride=1, dilation=1, first_dilation=None, multi_grid=False, gates="none"):
    made = []
    for i in range(blocks):
        own = dilation * 2**i if multi_grid else (first_dilation or dilation) if i == 0 else dilation
        gate = gates == "all" or (gates == "last" and i == blocks - 1)
        made.append(Bottleneck(inputs if i == 0 else 4 * planes, planes, stride if i == 0 else 1, own, gate))
    return nn.Sequential(*made)


def three_convolutions(width):
    return [*conv_bn_relu(3, width, 3), *conv_bn_relu(width, width, 3), conv_bn(width, 2 * width, 3)[0]]


class Body(nn.Module):
    """dilated_resnet of SPNet"""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Sequential(*three_convolutions(width))
        self.conv1[0].stride = (2, 2)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(2 * width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1 = stage(2 * width, width, 3, gates="last")
        self.layer2 = stage(4 * width, 2 * width, 4, 2, gates="last")
        self.layer3 = stage(8 * width, 4 * width, 6, dilation=2, first_dilation=1, gates="last")
        self.layer4 = stage(16 * width, 8 * width, 3, dilation=4, multi_grid=True, gates="all")

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        c3 = self.layer3(self.layer2(self.layer1(x)))
        return c3, self.layer4(c3)


class StripPooling(nn.Module):
    """strip_pooling"""

    def __init__(self, channels, fine=20, coarse=12):
        super().__init__()
        inner = channels // 4
        self.conv1_1 = nn.Sequential(*conv_bn_relu(channels, inner))
        self.conv1_2 = nn.Sequential(*conv_bn_relu(channels, inner))
        for i in range(3):
            setattr(self, "conv2_%d" % i, nn.Sequential(*conv_bn(inner, inner, 3)))
        self.conv2_3 = nn.Sequential(*conv_bn(inner, inner, (1, 3)))
        self.conv2_4 = nn.Sequential(*conv_bn(inner, inner, (3, 1)))
        self.conv2_5 = nn.Sequential(*conv_bn_relu(inner, inner, 3))
        self.conv2_6 = nn.Sequential(*conv_bn_relu(inner, inner, 3))
        self.conv3 = nn.Sequential(*conv_bn(2 * inner, channels))
        self.fine, self.coarse = nn.AdaptiveAvgPool2d(fine), nn.AdaptiveAvgPool2d(coarse)
        self.rows, self.columns = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))

    def forward(self, x):
        size = x.shape[2:]
        short = self.conv1_1(x)
        fine = resize(self.conv2_1(self.fine(short)), size)
        coarse = resize(self.conv2_2(self.coarse(short)), size)
        short = self.conv2_5(F.relu(self.conv2_0(short) + fine + coarse))
        long = self.conv1_2(x)
        columns = resize(self.conv2_3(self.columns(long)), size)
        rows = resize(self.conv2_4(self.rows(long)), size)
        long = self.conv2_6(F.relu(rows + columns))
        return F.relu(x + self.conv3(torch.cat([short, long], 1)))


class SpHead(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        inner = channels // 2
        self.trans_layer = nn.Sequential(*conv_bn_relu(channels, inner))
        self.strip_pool1, self.strip_pool2 = StripPooling(inner), StripPooling(inner)
        self.score_layer = classifier(inner, inner // 2, classes)

    def forward(self, x):
        return self.score_layer(self.strip_pool2(self.strip_pool1(self.trans_layer(x))))


class FcnHead(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv5 = classifier(channels, channels // 4, classes)

    def forward(self, x):
        return self.conv5(x)


class SPNet(nn.Module):
    def __init__(self, classes=150, width=64):
        super().__init__()
        self.pretrained = Body(width)
        self.head, self.auxlayer = SpHead(32 * width, classes), FcnHead(16 * width, classes)

    def forward(self, image):
        return resize(self.head(self.pretrained(image)[1]), image.shape[2:])

    def scores(self, image):
        c3, c4 = self.pretrained(image)
        return self.head(c4), self.auxlayer(c3)

    def groups(self):
        return [self.pretrained], [self.head, self.auxlayer]


class Pyramid(nn.Module):
    def __init__(self, channels, bins):
        super().__init__()
        levels = (nn.Sequential(nn.AdaptiveAvgPool2d(b), *conv_bn_relu(channels, channels // len(bins))) for b in bins)
        self.features = nn.ModuleList(levels)

    def forward(self, x):
        return torch.cat([x] + [resize(level(x), x.shape[2:]) for level in self.features], 1)


class PSPNet(nn.Module):
    def __init__(self, classes=150, width=64):
        super().__init__()
        last = [nn.BatchNorm2d(2 * width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
        self.layer0 = nn.Sequential(*three_convolutions(width), *last)
        self.layer0[0].stride = (2, 2)
        self.layer1 = stage(2 * width, width, 3)
        self.layer2 = stage(4 * width, 2 * width, 4, 2)
        self.layer3 = stage(8 * width, 4 * width, 6, dilation=2)
        self.layer4 = stage(16 * width, 8 * width, 3, dilation=4)
        self.ppm = Pyramid(32 * width, (1, 2, 3, 6))
        self.cls = classifier(64 * width, 8 * width, classes)
        self.aux = classifier(16 * width, 4 * width, classes)

    def scores(self, image):
        c3 = self.layer3(self.layer2(self.layer1(self.layer0(image))))
        return self.cls(self.ppm(self.layer4(c3))), self.aux(c3)

    def forward(self, image):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.layer0(image)))))
        return resize(self.cls(self.ppm(x)), image.shape[2:])


def initialise(net):
    """Convolutions as the references draw those of the backbone."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def randomise_norms(net):
    """Random scales, shifts and statistics. The last norm of a residual branch is four times smaller, or activations would grow."""
    closing = {id(m.bn3) for m in net.modules() if isinstance(m, Bottleneck)}
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, *((0.125, 0.375) if id(norm) in closing else (0.5, 1.5)))
        nn.init.normal_(norm.bias, 0, 0.1)
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
    return net


def spread_classes(net, image):
    """Makes the last convolution's logits vary over the image by as much for each class, so that many classes win somewhere."""
    with torch.no_grad():
        logits = net(image)[0].flatten(1)
        last = net.cls[-1]
        scale = 3 / logits.std(1)
        last.bias.copy_((last.bias - logits.mean(1)) * scale)
        last.weight.mul_(scale[:, None, None, None])
