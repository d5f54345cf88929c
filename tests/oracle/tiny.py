"""The small network of graphs/spnet_tiny.json, put together from the reference's blocks and named as SPNet names them."""

import argparse
import math

import torch
import torch.nn as nn

import spnet


class Stage(nn.Module):
    def __init__(self):
        super().__init__()


class Tiny(nn.Module):
    """width: planes of the first stage; the others have 1.5, 2 and 3 times as many (a multiple of 8 divides them all)."""

    def __init__(self, classes, width=16):
        super().__init__()
        resnet = spnet.reference("models.resnet")
        heads = spnet.reference("models.spnet")
        fcn = spnet.reference("models.fcn")
        norm = nn.BatchNorm2d
        body = Stage()
        body.conv1 = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), norm(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
        )
        body.bn1 = norm(2 * width)
        body.relu = nn.ReLU()
        body.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 2 * width

        def stage(planes, stride, dilations, pooled):
            nonlocal channels
            blocks = []
            for i, dilation in enumerate(dilations):
                first = i == 0
                down = None
                if first:
                    down = nn.Sequential(nn.Conv2d(channels, 4 * planes, 1, stride=stride, bias=False), norm(4 * planes))
                blocks.append(
                    resnet.Bottleneck(
                        channels, planes, stride if first else 1, dilation=dilation, downsample=down,
                        norm_layer=norm, spm_on=pooled[i],
                    )
                )
                channels = 4 * planes
            return nn.Sequential(*blocks)

        body.layer1 = stage(width, 1, [1], [True])
        body.layer2 = stage(3 * width // 2, 2, [1, 1], [False, True])
        body.layer3 = stage(2 * width, 1, [1, 2], [False, True])
        body.layer4 = stage(3 * width, 1, [4, 8], [True, True])
        for module in body.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
        self.pretrained = body
        self.head = heads.SPHead(12 * width, classes, norm, {"mode": "bilinear", "align_corners": True})
        self.auxlayer = fcn.FCNHead(8 * width, classes, norm)

    def base_forward(self, x):
        body = self.pretrained
        c1 = body.layer1(body.maxpool(body.relu(body.bn1(body.conv1(x)))))
        c2 = body.layer2(c1)
        c3 = body.layer3(c2)
        return c1, c2, c3, body.layer4(c3)


def main():
    parser = argparse.ArgumentParser(description="Writes starting weights of the tiny network, drawn as the reference draws them.")
    parser.add_argument("--spnet", required=True)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    spnet.use_reference(args.spnet)
    torch.manual_seed(args.seed)
    net = Tiny(args.classes, args.width)
    torch.save(net.state_dict(), args.o)
    print("%d parameters" % sum(p.numel() for p in net.parameters()))


if __name__ == "__main__":
    main()
