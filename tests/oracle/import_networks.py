"""Networks that PyTorch exported as ONNX through `grun import`: logits of `grun run` against those of ONNX Runtime on the
file, random weights; and what `grun export` makes of the imported network, imported once more, is the same graph and weights."""

import argparse
import json
import os
import sys
import warnings

try:
    import numpy as np
    import onnxruntime  # noqa: F401
    import torch

    import onnx_files as tools
    from compare_networks import randomise_norms
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)


def torchvision_segmentation(name):
    def make():
        from torchvision.models import segmentation

        return getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=11)

    return make


def torchvision_classifier(name):
    def make():
        import torchvision

        return getattr(torchvision.models, name)(weights=None)

    return make


def smp_network(architecture, encoder):
    def make():
        import segmentation_models_pytorch as smp

        return getattr(smp, architecture)(encoder, encoder_weights=None, classes=11)

    return make


def timm_network(name):
    def make():
        import timm

        return timm.create_model(name, pretrained=False)

    return make


def transformers_network(architecture, config, **settings):
    def make():
        import transformers

        return getattr(transformers, architecture)(getattr(transformers, config)(**settings))

    return make


NETWORKS = {
    **{name: torchvision_segmentation(name) for name in ("deeplabv3_resnet50", "fcn_resnet50", "lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large")},
    **{name: torchvision_classifier(name) for name in ("resnet18", "resnext50_32x4d", "mobilenet_v2", "efficientnet_b0", "densenet121", "regnet_y_400mf", "squeezenet1_1", "mnasnet0_5")},
    **{"smp_%s_%s" % pair: smp_network(*pair) for pair in (("Unet", "resnet34"), ("UnetPlusPlus", "resnet18"), ("FPN", "resnet18"), ("Linknet", "resnet18"), ("PSPNet", "resnet18"), ("DeepLabV3Plus", "resnet18"))},
    "transformers_ResNet": transformers_network("ResNetForImageClassification", "ResNetConfig", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic"),
    "transformers_RegNet": transformers_network("RegNetForImageClassification", "RegNetConfig", depths=[1, 2, 2, 1]),
    "transformers_MobileNetV2": transformers_network("MobileNetV2ForSemanticSegmentation", "MobileNetV2Config", num_labels=11),
    **{"timm_" + name: timm_network(name) for name in ("resnet26d", "mobilenetv3_small_100", "tf_efficientnet_lite0", "repvgg_a0", "hrnet_w18_small", "regnetx_002")},
}

# What is refused, by network and exporter, with words that the refusal has. It fails nothing as long as it is as said here.
REFUSED = {
    ("smp_FPN_resnet18", "torchscript"): "Reshape",  # the group norm of its decoder
    ("smp_FPN_resnet18", "dynamo"): "Reshape",
    ("smp_PSPNet_resnet18", "torchscript"): "adaptive",  # PyTorch's older exporter gives up
    ("smp_PSPNet_resnet18", "dynamo"): "Transpose",  # how the newer one writes uneven pooling
    ("transformers_MobileNetV2", "torchscript"): "ConstantOfShape",  # padding of TensorFlow's networks, computed in the graph
    ("timm_tf_efficientnet_lite0", "torchscript"): "Ceil",
}

# Graphs that are the same but for the place of a node in the list.
MOVED = {("transformers_MobileNetV2", "dynamo")}  # a resize, before or behind the other branch


class Logits(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        y = self.net(x)
        return next(iter(y.values())) if isinstance(y, dict) else y


def exported(args, name, exporter, path):
    torch.manual_seed(1)
    net = NETWORKS[name]()
    randomise_norms(net, 1)
    image = torch.randn(1, 3, args.size, args.size, generator=torch.Generator().manual_seed(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Logits(net).eval(), (image,), path, opset_version=args.opset, input_names=["image"],
                          output_names=["logits"], dynamo=exporter == "dynamo",
                          **({"external_data": False, "verbose": False} if exporter == "dynamo" else {}))
    return image.numpy()


def compare(args, programs, name, exporter):
    path = os.path.join(args.o, "%s_%s" % (name, exporter))
    image = exported(args, name, exporter, path + ".onnx")
    expected = tools.run_onnxruntime(path + ".onnx", [image])[0]
    programs.run("grun", "import", path + ".onnx", "-o", path, "-q")
    np.save(path + ".image.npy", image)
    programs.run("grun", "run", path + ".fb", "--weights", path + ".safetensors", "--cache", "none",
                 "--input", "image=" + path + ".image.npy", "--output", "logits=" + path + ".logits.npy")
    error = tools.relative_error(np.load(path + ".logits.npy").reshape(expected.shape), expected)
    return error, stable(programs, path, image.shape, (name, exporter) in MOVED)


def names_given(node):
    """What nodes call their results, in order."""
    if isinstance(node, dict):
        given = node.get("out", [])
        yield from [given] if isinstance(given, str) else given
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from names_given(inner)


def renamed(node, names):
    if isinstance(node, dict):
        return {key: value if key == "op" else renamed(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [renamed(value, names) for value in node]
    return names.get(node, node) if isinstance(node, str) else node


def structure(path):
    """A graph file without what an exporter chooses and grun's own writes otherwise: names of activations, which no weight
    bears, the number of images, which is open in graphs here, and the preprocessing."""
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    graph = renamed(graph, {name: "value %d" % i for i, name in enumerate(dict.fromkeys(names_given(graph)))})
    graph.pop("preprocess", None)
    for port in graph["inputs"].values():
        port["shape"][0] = "N"
    return graph


def same_bytes(one, other):
    with open(one, "rb") as first, open(other, "rb") as second:
        return first.read() == second.read()


def stable(programs, path, shape, moved):
    """What is not as it was when the imported network is exported and imported, twice; "" where all is."""
    imports = [path + suffix for suffix in ("", ".2", ".3")]
    for source, target in zip(imports, imports[1:]):
        programs.run("grun", "export", source + ".fb", "--weights", source + ".safetensors", "-o", target + ".onnx", "-q",
                     "--shape", ",".join(map(str, shape)))
        programs.run("grun", "import", target + ".onnx", "-o", target, "-q")
    first, second, third = imports
    if not same_bytes(first + ".safetensors", second + ".safetensors"):
        return "other weights the second time"
    if (structure(first + ".json") == structure(second + ".json")) == moved:
        return "the same graph the second time, against MOVED" if moved else "another graph the second time"
    if not all(same_bytes(second + suffix, third + suffix) for suffix in (".json", ".safetensors")):
        return "other bytes the third time"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--exporter", nargs="+", default=["torchscript", "dynamo"])
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--opset", type=int, default=18)
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    torch.set_num_threads(2)
    os.makedirs(args.o, exist_ok=True)
    programs = tools.Programs(args.bin)
    failed = 0
    for name in args.net:
        for exporter in args.exporter:
            refusal = REFUSED.get((name, exporter))
            try:
                error, changed = compare(args, programs, name, exporter)
                bad = error > 1e-4 or changed or refusal
                said = "%.1e  %s" % (error, changed or ("taken, against REFUSED" if refusal else ""))
            except (RuntimeError, ImportError, torch.onnx.errors.OnnxExporterError) as error:
                bad = refusal is None or refusal not in str(error)
                lines = str(error).strip().splitlines()
                said = lines[-1][-300:] if bad else "refused, as expected: " + next(line for line in lines if refusal in line)[-300:]
            failed += bool(bad)
            print("%-36s %-12s %s%s" % (name, exporter, "FAILED  " if bad else "", said.rstrip()), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
