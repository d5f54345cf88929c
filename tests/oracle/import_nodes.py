"""ONNX's own node tests (package onnx, backend/test/case/node) through `grun import` and `grun run`, for every op that the
importer claims: each case passes, or is listed with the reason why not; another result is an error. Cases that the
importer does not promise (element types other than float, ranks above 4, opsets outside its range) are counted apart.
With --write the list is written to node_cases.txt, which is compared otherwise."""

import argparse
import glob
import os
import re
import sys

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
    from onnx.backend.test.case.node import collect_testcases

    import onnx_files as tools
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)

VERSION = "1.23.2"  # of onnx, whose cases these are
OPSETS = range(13, 23)
HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "node_cases.txt")
# Ops all of whose inputs are activations. Of the others the first is, and the rest are weights or settings.
OF_ACTIVATIONS = {"Add", "Mul", "Sub", "Sum", "Mean", "Concat"}


def claimed_ops():
    names = set()
    for path in glob.glob(os.path.join(HERE, "..", "..", "exchange", "from_onnx", "*.cpp")):
        with open(path) as source:
            names.update(re.findall(r'\{"([A-Z]\w+)",\s*\w+\}', source.read()))
    return sorted(names)


class Case:
    def __init__(self, case):
        self.name = case.name
        self.model = case.model
        self.data = case.data_sets[0]

    def ops(self):
        return {node.op_type for node in self.model.graph.node}

    def out_of_scope(self):
        """Why the importer promises nothing for it; empty: it does."""
        opset = next((entry.version for entry in self.model.opset_import if entry.domain in ("", "ai.onnx")), 0)
        if opset not in OPSETS:
            return "opset %d" % opset
        kinds = [given.type.WhichOneof("value") for given in (*self.model.graph.input, *self.model.graph.output)]
        if any(kind != "tensor_type" for kind in kinds):
            return "no tensors"
        self.inputs, self.outputs = ([np.asarray(array) for array in arrays if array is not None] for arrays in self.data)
        # The first input and the outputs are activations; shapes and the like are integers.
        for array in (*self.inputs[:1], *self.outputs):
            if array.dtype != np.float32:
                return str(array.dtype)
            if array.ndim > 4:
                return "rank %d" % array.ndim
        return ""

    def with_constants(self):
        """The model with its further inputs as initializers; activations that remain, by name."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        given = [entry for entry in model.graph.input if entry.name]
        count = len(given) if self.ops() <= OF_ACTIVATIONS else 1
        for entry, array in list(zip(given, self.inputs))[count:]:
            model.graph.initializer.append(numpy_helper.from_array(array, entry.name))
            model.graph.input.remove(entry)
        return model, [entry.name for entry in given[:count]]

    def run(self, programs, folder):
        """Largest difference to what is expected, beyond what onnx allows."""
        model, names = self.with_constants()
        path = os.path.join(folder, self.name)
        onnx.save(model, path + ".onnx")
        programs.run("grun", "import", path + ".onnx", "-o", path, "-q")
        inputs = []
        for name, array in zip(names, self.inputs):
            name = re.sub(r"\W", "_", name)
            np.save("%s.%s.npy" % (path, name), array.reshape(array.shape + (1,) * (4 - array.ndim)))
            inputs += ["--input", "%s=%s.%s.npy" % (name, path, name)]
        worst = 0
        for entry, expected in zip(self.model.graph.output, self.outputs):
            programs.run("grun", "run", path + ".fb", "--weights", path + ".safetensors", "--cache", "none", *inputs,
                         "--output", "%s=%s.out.npy" % (re.sub(r"\W", "_", entry.name), path))
            actual = np.load(path + ".out.npy")
            if actual.shape[:expected.ndim] != expected.shape or actual.size != expected.size:
                return float("inf")
            actual = actual.reshape(expected.shape)
            worst = max(worst, float(np.max(np.abs(actual - expected) - 1e-3 * np.abs(expected), initial=0)))
        return worst


def judge(case, programs, folder):
    why = case.out_of_scope()
    if why:
        return "out of scope", why
    try:
        error = case.run(programs, folder)
    except RuntimeError as refused:
        return "listed", refused.args[0].split("error: ")[-1].split("): ", 1)[-1].splitlines()[0]
    return ("passed", "") if error <= 1e-5 else ("WRONG", "off by %.1e" % error)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--only", help="a part of the names of cases")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("-o", required=True)
    args = parser.parse_args()
    if onnx.__version__ != VERSION:
        print("skipped: the cases are those of onnx %s; this is %s" % (VERSION, onnx.__version__))
        sys.exit(77)
    os.makedirs(args.o, exist_ok=True)
    programs = tools.Programs(args.bin)
    claimed = claimed_ops()
    lines, counts = [], {}
    for found in sorted(collect_testcases(), key=lambda case: case.name):
        if args.only and args.only not in found.name:
            continue
        case = Case(found)
        if not case.ops() <= set(claimed):
            continue
        result, why = judge(case, programs, args.o)
        counts[result] = counts.get(result, 0) + 1
        lines.append("%s: %s%s" % (case.name, result, ": " + why if why else ""))
        if result in ("WRONG",) or args.only:
            print(lines[-1], flush=True)
    summary = ", ".join("%s %d" % entry for entry in sorted(counts.items()))
    print(summary)
    text = "onnx %s; claimed: %s\n%s\n\n%s\n" % (VERSION, " ".join(claimed), summary, "\n".join(lines))
    if args.write:
        with open(LIST, "w") as out:
            out.write(text)
    elif not args.only and open(LIST).read() != text:
        sys.exit("the results are not those of node_cases.txt: --write makes it anew")
    if counts.get("WRONG"):
        sys.exit(1)


if __name__ == "__main__":
    main()
