"""What the scripts that compare ONNX files share: programs, random weights, runtimes."""

import os
import re
import subprocess

import numpy as np

import files


class Programs:
    def __init__(self, folder):
        self.folder = folder
        self.environment = dict(os.environ, OMP_WAIT_POLICY="passive")

    def run(self, program, *arguments):
        """Standard output; a RuntimeError with what was said where the program fails."""
        command = [os.path.join(self.folder, program), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()))
        return done.stdout


def variables(programs, model):
    """Names and shapes of a model's parameters and buffers."""
    found = {}
    for line in programs.run("grun", "info", model, "-v").splitlines():
        match = re.fullmatch(r"  (\S+) +\(([\d, ]+)\)( buffer)?", line)
        if match:
            found[match[1]] = tuple(int(extent) for extent in match[2].split(",") if extent.strip())
    return found


def random_weights(shapes, seed):
    """Weights under which activations keep their size: scaled by the fan in, norms near one, small biases."""
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        if len(shape) > 1:
            fan_in = np.prod(shape[1:])
            tensors[name] = random.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / fan_in))
        elif name.endswith("running_var"):
            tensors[name] = random.uniform(0.5, 1.5, shape).astype(np.float32)
        elif name.endswith("weight"):
            tensors[name] = random.uniform(0.3, 0.9, shape).astype(np.float32)
        else:
            tensors[name] = (random.standard_normal(shape) * 0.1).astype(np.float32)
    return tensors


def save_random_weights(programs, model, path, seed):
    files.save_safetensors(path, random_weights(variables(programs, model), seed))


def run_onnxruntime(path, feeds, threads=2):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds)))


def run_openvino(path, feeds):
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return list(compiled(feeds).values())


def relative_error(actual, expected):
    """Largest difference over the largest number."""
    return float(np.abs(actual.astype(np.float64) - expected).max() / np.abs(expected).max())
