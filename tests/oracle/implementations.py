"""The networks of graphs/ that other implementations have, by the same names: how to make them, what their heads give,
what their training minimises."""

import importlib.util
import os
import sys
import tempfile
import types

import torch
import torch.nn as nn
import torch.nn.functional as F

IGNORE = 255


def add_arguments(parser):
    parser.add_argument("--ddrnet", help="checkout of ydhongHIT/DDRNet")
    parser.add_argument("--pidnet", help="checkout of XuJiacong/PIDNet")
    parser.add_argument("--bisenet", help="checkout of CoinCheung/BiSeNet")
    parser.add_argument("--mmseg", help="folder with mmsegmentation, mmengine and mmcv-lite (pip install --target)")


def load_module(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def enlarged(score, like):
    return F.interpolate(score, like.shape[2:], mode="bilinear", align_corners=False)


def cross_entropy(logits, label):
    return F.cross_entropy(logits, label, ignore_index=IGNORE)


class Placeholders(types.ModuleType):
    """A module that has an empty class of every name."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class Implementation:
    """heads(net, x) gives logits at full size, of the main head first; in training those of all heads."""

    graph = None  # of graphs/; the implementation's own name where it is None
    definitions = []  # of graphc, for the network
    training = []  # of graphc, so that training is what loss() says
    map = None  # of graphs/maps
    aux_weight = 0.4
    rate = 1.0  # of training's learning rates, where a loss is large
    colour = 0.3  # how much images of training differ in colour

    def __init__(self, name, classes, args):
        self.name = name
        self.net = self.build(name, classes, args)

    def checkpoint(self):
        """What its files hold."""
        return self.net.state_dict()

    def loss(self, heads, label):
        main, *others = heads
        return cross_entropy(main, label) + self.aux_weight * sum(cross_entropy(head, label) for head in others)


class Torchvision(Implementation):
    colour = 1.0  # of the networks that pool to one pixel
    training = ["dropout=0", "aux_weight=0.5"]
    aux_weight = 0.5

    def build(self, name, classes, args):
        from torchvision.models import segmentation

        aux = {} if name.startswith("lraspp") else {"aux_loss": True}
        if name.startswith("deeplabv3"):
            self.training = self.training + ["aspp_dropout=0"]
        if name.startswith("lraspp"):
            self.training = []
        return getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=classes, **aux)

    def heads(self, x):
        return list(self.net(x).values())


class Smp(Implementation):
    colour = 1.0
    training = []

    def build(self, name, classes, args):
        import segmentation_models_pytorch as smp

        architecture, encoder = name.split("_")
        make = {"unet": smp.Unet, "deeplabv3plus": smp.DeepLabV3Plus}[architecture]
        if architecture == "deeplabv3plus":
            self.training = ["aspp_dropout=0"]
        return make(encoder, encoder_weights=None, classes=classes)

    def heads(self, x):
        return [self.net(x)]


class DdrNet(Implementation):
    training = ["ohem=0"]

    def build(self, name, classes, args):
        reference = load_module(os.path.join(args.ddrnet, "segmentation", "DDRNet_23_slim.py"), "ddrnet_reference")
        return reference.DualResNet(reference.BasicBlock, [2, 2, 2, 2], num_classes=classes, planes=32, spp_planes=128, head_planes=64, augment=True)

    def heads(self, x):
        return [enlarged(score, x) for score in self.net(x)]


class PidNet(Implementation):
    rate = 0.1
    training = ["ohem=0", "boundary_threshold=0.5"]

    def build(self, name, classes, args):
        package = types.ModuleType("pidnet_models")
        package.__path__ = [os.path.join(args.pidnet, "models")]
        sys.modules["pidnet_models"] = package
        reference = importlib.import_module("pidnet_models.pidnet")
        return reference.PIDNet(m=2, n=3, num_classes=classes, planes=32, ppm_planes=96, head_planes=128, augment=True)

    def heads(self, x):
        aux, main, boundary = [enlarged(score, x) for score in self.net(x)]
        return [main, aux, boundary]

    def loss(self, heads, label):
        main, aux, boundary = heads
        at_boundary = torch.where(torch.sigmoid(boundary[:, 0]) > 0.5, label, IGNORE)
        import golden_losses

        return (cross_entropy(main, label) + 0.4 * cross_entropy(aux, label) + 20 * golden_losses.boundary_loss(boundary, label)
                + cross_entropy(main, at_boundary))


class BiSeNetV2(Implementation):
    training = ["ohem=0", "dropout=0"]
    aux_weight = 1

    def build(self, name, classes, args):
        reference = load_module(os.path.join(args.bisenet, "lib", "models", "bisenetv2.py"), "bisenet_reference")
        reference.BiSeNetV2.load_pretrain = lambda self: None
        return reference.BiSeNetV2(classes)

    def heads(self, x):
        return list(self.net(x))


class MmsegPspNet(Implementation):
    graph = "pspnet50"
    definitions = ["align_corners=0", "stem_width=32", "contract_dilation=1"]
    training = ["dropout=0"]
    map = "mmseg-pspnet"

    def build(self, name, classes, args):
        sys.path.insert(0, args.mmseg)
        # mmcv-lite has no compiled operations, of which this network has none either.
        sys.modules["mmcv.ops"] = Placeholders("mmcv.ops")
        import mmcv

        mmcv.__version__ = "2.1.0"  # the newest that mmsegmentation asks for
        from mmseg.models import FCNHead, PSPHead, ResNetV1c

        norm = {"type": "BN", "requires_grad": True}
        common = {"num_classes": classes, "norm_cfg": norm, "align_corners": False, "dropout_ratio": 0.1}
        net = nn.Module()
        net.backbone = ResNetV1c(depth=50, num_stages=4, out_indices=(0, 1, 2, 3), dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1),
                                 norm_cfg=norm, norm_eval=False, style="pytorch", contract_dilation=True)
        net.decode_head = PSPHead(in_channels=2048, in_index=3, channels=512, pool_scales=(1, 2, 3, 6), **common)
        net.auxiliary_head = FCNHead(in_channels=1024, in_index=2, channels=256, num_convs=1, concat_input=False, **common)
        return net

    def heads(self, x):
        features = self.net.backbone(x)
        heads = [self.net.decode_head, self.net.auxiliary_head] if self.net.training else [self.net.decode_head]
        return [enlarged(head(features), x) for head in heads]


def with_layers_drawn(net, seed=1):
    """Layers of transformers start so small that their branches would not count."""
    gen = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.weight.data.normal_(0, (1.5 / module.weight[0].numel()) ** 0.5, generator=gen)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.1, generator=gen)
        if isinstance(module, nn.LayerNorm):
            module.weight.data.uniform_(0.5, 1.5, generator=gen)
            module.bias.data.normal_(0, 0.1, generator=gen)
    for name, parameter in net.named_parameters():
        if name.endswith("layer_scale_parameter"):
            parameter.data.uniform_(0.1, 0.5, generator=gen)
    return net


class Segformer(Implementation):
    training = ["dropout=0", "drop_path=0"]
    sizes = {
        "b0": ([32, 64, 160, 256], [2, 2, 2, 2], 256),
        "b1": ([64, 128, 320, 512], [2, 2, 2, 2], 256),
        "b2": ([64, 128, 320, 512], [3, 4, 6, 3], 768),
        "b3": ([64, 128, 320, 512], [3, 4, 18, 3], 768),
        "b4": ([64, 128, 320, 512], [3, 8, 27, 3], 768),
        "b5": ([64, 128, 320, 512], [3, 6, 40, 3], 768),
    }

    def build(self, name, classes, args):
        from transformers import SegformerConfig, SegformerForSemanticSegmentation

        widths, depths, head = self.sizes[name.split("_")[1]]
        config = SegformerConfig(hidden_sizes=widths, depths=depths, decoder_hidden_size=head, num_labels=classes, drop_path_rate=0.0)
        return with_layers_drawn(SegformerForSemanticSegmentation(config))

    def heads(self, x):
        return [enlarged(self.net(x).logits, x)]


class HubSegformer(Segformer):
    graph = "segformer_b0"
    map = "hub-segformer"

    def build(self, name, classes, args):
        return super().build(self.graph, classes, args)

    def checkpoint(self):
        """transformers still writes the names that it had before version 5."""
        from safetensors.torch import load_file

        with tempfile.TemporaryDirectory() as folder:
            self.net.save_pretrained(folder)
            return load_file(os.path.join(folder, "model.safetensors"))


class UperNet(Implementation):
    training = ["dropout=0", "drop_path=0"]

    def build(self, name, classes, args):
        from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

        stages = ["stage1", "stage2", "stage3", "stage4"]
        backbone = ConvNextConfig(hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=stages)
        return with_layers_drawn(UperNetForSemanticSegmentation(UperNetConfig(backbone_config=backbone, num_labels=classes)))

    def heads(self, x):
        maps = self.net.backbone(x).feature_maps
        return [enlarged(head(maps), x) for head in (self.net.decode_head, self.net.auxiliary_head)]


IMPLEMENTATIONS = {
    "deeplabv3_resnet50": Torchvision,
    "deeplabv3_resnet101": Torchvision,
    "fcn_resnet50": Torchvision,
    "fcn_resnet101": Torchvision,
    "lraspp_mobilenet_v3_large": Torchvision,
    "unet_resnet34": Smp,
    "deeplabv3plus_resnet50": Smp,
    "ddrnet23_slim": DdrNet,
    "pidnet_s": PidNet,
    "bisenetv2": BiSeNetV2,
    **{"segformer_" + size: Segformer for size in Segformer.sizes},
    "hub_segformer_b0": HubSegformer,
    "upernet_convnext_tiny": UperNet,
    "mmseg_pspnet50": MmsegPspNet,
}
NEEDS = {"ddrnet23_slim": "ddrnet", "pidnet_s": "pidnet", "bisenetv2": "bisenet", "mmseg_pspnet50": "mmseg"}


def available(args):
    return [name for name in IMPLEMENTATIONS if name not in NEEDS or getattr(args, NEEDS[name])]


def build(name, classes, args):
    return IMPLEMENTATIONS[name](name, classes, args)
