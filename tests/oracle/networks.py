"""The networks of both references by name, with the options of their constructors."""

import os

import semseg
import spnet


def add_arguments(parser):
    parser.add_argument("--spnet", help="checkout of Andrew-Qibin/SPNet, whose data set class and schedule serve all networks")
    parser.add_argument("--semseg", help="checkout of hszhao/semseg")
    parser.add_argument("--net", required=True, help="spnet50, fcn50, pspnet50, psanet50, ...; tiny[:WIDTH], pspnet_tiny[:WIDTH]")
    parser.add_argument("-D", action="append", default=[], metavar="NAME=NUMBER", help="option of PSPNet or PSANet")


def family(name):
    return semseg if name.startswith(("psp", "psa")) else spnet


def options(assignments):
    """Those of -D: numbers; bins=1,2,3,6 is a list, of which zeros are left out as in graphs/."""
    number = lambda text: float(text) if "." in text else int(text)
    result = {}
    for name, value in (text.split("=") for text in assignments):
        result[name] = [v for v in map(number, value.split(",")) if v != 0] if "," in value else number(value)
    return result


def use_references(args):
    if args.spnet:
        spnet.use_reference(os.path.abspath(args.spnet))
    if args.semseg:
        semseg.use_reference(os.path.abspath(args.semseg))


def build(args, crop):
    """The network of --net and -D, for crops of this side."""
    if family(args.net) is semseg:
        return semseg.build(args.net, args.classes, crop, **options(args.D))
    return spnet.build(args.net, args.classes)
