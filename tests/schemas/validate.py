"""Validates the shipped graphs, blocks and data set descriptors; and sees that what is misspelt is refused."""
import copy
import json
import pathlib
import sys

import jsonschema

source = pathlib.Path(sys.argv[1])


def read(path):
    return json.loads(path.read_text())


def with_ops(schema, ops):
    """The schema with that of the ops in the place of the reference to its file."""
    text = json.dumps(schema).replace('"ops.schema.json"', '"#/definitions/ops"')
    whole = json.loads(text)
    whole["definitions"]["ops"] = ops
    return whole


def shipped(*folders):
    for folder in folders:
        for path in sorted((source / folder).glob("*.json")):
            if not path.name.endswith(".schema.json"):
                yield path


ops = read(source / "graphs/ops.schema.json")
graphs = jsonschema.Draft7Validator(with_ops(read(source / "graphs/graph.schema.json"), ops))
datasets = jsonschema.Draft7Validator(read(source / "datasets/dataset.schema.json"))
count = 0
for validator, folders in ((graphs, ("graphs", "graphs/blocks")), (datasets, ("datasets",))):
    validator.check_schema(validator.schema)
    for path in shipped(*folders):
        errors = [f"{path}: {'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(read(path))]
        assert not errors, "\n".join(errors)
        count += 1
assert count >= 20, count

net = {
    "inputs": {"image": {"shape": ["N", 3, "H", "W"]}},
    "graph": [{"op": "conv2d", "as": "a", "out_channels": 4, "kernel": [3, 3], "padding": 1}, {"op": "relu"}],
    "outputs": {"logits": "a"},
}
assert graphs.is_valid(net), [e.message for e in graphs.iter_errors(net)]
for change in (
    lambda g: g["graph"][0].update(paddin=1),
    lambda g: g["graph"][0].update(kernel={"h": 3}),
    lambda g: g["graph"].append({"op": "add", "a": "x", "b": "y", "activation": "reluu"}),
    lambda g: g["graph"].append({"opp": "relu"}),
    lambda g: g.update(input={}),
):
    changed = copy.deepcopy(net)
    change(changed)
    assert not graphs.is_valid(changed), changed
stranger = copy.deepcopy(net)
stranger["graph"].append({"op": "of_another_library", "slope": 3})
assert graphs.is_valid(stranger)
print(f"{count} files are valid")
