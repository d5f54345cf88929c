"""Goldens of single blocks, kinks and batch statistics included: PyTorch in f64 from f32 numbers, stored as f32.

Keys: x, gout, out, gx, param:NAME, grad:NAME, before:NAME and after:NAME for running statistics.
"""

import argparse
import copy
import os

import numpy as np
import torch
import torch.nn as nn

import files
import semseg
import spnet

BATCH, HEIGHT, WIDTH = 2, 9, 11
SMALL = (5, 7)  # of semseg's blocks
BILINEAR = {"mode": "bilinear", "align_corners": True}


def semseg_blocks():
    """name -> (module, input channels)."""
    ppm, psa = semseg.reference("model.pspnet").PPM, semseg.reference("model.psanet").PSA

    def attention(mask, **options):
        return psa(8, 2, mask_h=mask[0], mask_w=mask[1], **options), 8

    return {
        "pyramid_pooling": (ppm(8, 2, (1, 2, 3, 6)), 8),
        "psa_collect": attention((5, 7), psa_type=0),
        "psa_distribute": attention((3, 5), psa_type=1, shrink_factor=1, normalization_factor=None),
        "psa_both": attention((5, 3), psa_softmax=False, normalization_factor=1.5),
        "psa_compact": attention((3, 4), compact=True),
    }


def spnet_blocks():
    """name -> (module, input channels)."""
    resnet = spnet.reference("models.resnet")
    norm = nn.BatchNorm2d

    def bottleneck(channels, planes, stride=1, dilation=1, spm=True, down=False):
        shortcut = None
        if down:
            shortcut = nn.Sequential(nn.Conv2d(channels, 4 * planes, 1, stride=stride, bias=False), norm(4 * planes))
        block = resnet.Bottleneck(channels, planes, stride, dilation=dilation, downsample=shortcut, norm_layer=norm, spm_on=spm)
        return block, channels

    return {
        "bottleneck": bottleneck(16, 4, spm=False),
        "bottleneck_spm": bottleneck(16, 4),
        "bottleneck_spm_down": bottleneck(8, 4, down=True),
        "bottleneck_spm_stride2": bottleneck(8, 4, stride=2, down=True),
        "bottleneck_spm_dilation4": bottleneck(16, 4, dilation=4),
        "bottleneck_stride2": bottleneck(8, 4, stride=2, spm=False, down=True),
        "bottleneck_dilation2": bottleneck(16, 4, dilation=2, spm=False),
        "sp_block": (resnet.SPBlock(8, 8, norm_layer=norm), 8),
        "strip_pooling": (spnet.reference("models.customize").StripPooling(16, (20, 12), norm, BILINEAR), 16),
        "strip_pooling_small_bins": (spnet.reference("models.customize").StripPooling(16, (5, 3), norm, BILINEAR), 16),
        "sp_head": (spnet.reference("models.spnet").SPHead(16, 5, norm, BILINEAR), 16),
        "fcn_head": (spnet.reference("models.fcn").FCNHead(16, 5, norm), 16),
    }


def randomise(module, gen):
    """Fan-in scaled convolutions, and norms whose affine parameters reach both sides of the kink."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            m.weight.data.normal_(0, m.weight[0].numel() ** -0.5, generator=gen)
            if m.bias is not None:
                m.bias.data.normal_(0, 0.5, generator=gen)
        if isinstance(m, nn.BatchNorm2d):
            m.weight.data.normal_(1, 0.3, generator=gen)
            m.bias.data.normal_(0, 0.3, generator=gen)
            m.running_mean.normal_(0, 0.5, generator=gen)
            m.running_var.uniform_(0.5, 1.5, generator=gen)
    spnet.drop_nothing(module)


def run(module, x, gout, dtype):
    module = copy.deepcopy(module).to(dtype).train()
    x = x.clone().to(dtype).requires_grad_()
    out = module(x * 1)  # a copy: some blocks work in place, which a leaf does not allow
    out.backward(gout.to(dtype))
    result = {"out": out.detach(), "gx": x.grad}
    result.update({"grad:" + name: p.grad for name, p in module.named_parameters()})
    result.update({"after:" + name: b for name, b in module.named_buffers() if "num_batches" not in name})
    return {k: v.numpy() for k, v in result.items()}


def write(blocks, size, args):
    for name, (module, channels) in blocks.items():
        gen = torch.Generator().manual_seed(args.seed)
        randomise(module, gen)
        x = torch.randn(BATCH, channels, *size, generator=gen)
        gout = torch.randn(module(x * 1).shape, generator=gen)
        randomise(module, gen)  # again: the line above has moved the running statistics
        golden = run(module, x, gout, torch.float64)
        single = run(module, x, gout, torch.float32)
        apart = {k: np.linalg.norm(single[k] - golden[k]) / max(np.linalg.norm(golden[k]), 1e-30) for k in golden}
        worst = max(apart, key=apart.get)
        tensors = {"x": x.numpy(), "gout": gout.numpy(), **golden}
        tensors.update({"param:" + k: p.detach().numpy() for k, p in module.named_parameters()})
        tensors.update({"before:" + k: b.numpy() for k, b in module.named_buffers() if "num_batches" not in k})
        path = os.path.join(args.o, name + ".safetensors")
        files.save_safetensors(path, {k: np.float32(v) for k, v in tensors.items()})
        print("%-26s %6d bytes, f32 from f64: %.1e in %s" % (name, os.path.getsize(path), apart[worst], worst))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spnet", help="checkout of Andrew-Qibin/SPNet, for its blocks")
    parser.add_argument("--semseg", help="checkout of hszhao/semseg, for its blocks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    os.makedirs(args.o, exist_ok=True)
    if args.spnet:
        spnet.use_reference(args.spnet)
        write(spnet_blocks(), (HEIGHT, WIDTH), args)
    if args.semseg:
        semseg.use_reference(args.semseg)
        write(semseg_blocks(), SMALL, args)


if __name__ == "__main__":
    main()
