#!/usr/bin/env python3
"""Runs the programs on files, settings and runs as people have them, and says what each came to.

The scripts that make these inputs lie in a folder of their own (base.py, labels.py, images.py, lists.py, pth.py, ...): each prints
"=== name" for a case, and for each command its output and exit status. This script runs them, keeps what they print, compares the exit
statuses with tests/golden/real_cases.json (--accept writes it anew, once somebody has read the transcripts), and prints a table.

    tests/oracle/real_cases.py --scripts DIR --bin build/release/bin -o OUT [--only labels --only runs] [--accept]

Needs numpy, Pillow, OpenCV before 5, torch and safetensors in the Python that runs it; as root, `runs` also tries full disks.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPECTED = ROOT / "tests/golden/real_cases.json"
KINDS = {"labels": "label files", "images": "image files", "exif_png": "PNG files with an orientation", "lists": "lists, folders and names",
         "pth": "checkpoints of PyTorch, and what is taken for one", "safetensors_files": "safetensors", "not_finite": "weights that are not finite",
         "settings": "settings, data sets and models of a training", "runs": "disks, signals, two processes, environment, paths, limits"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", required=True, help="folder of the scripts")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"), help="folder of graphc and grun")
    parser.add_argument("--only", action="append", choices=list(KINDS), help="a script; all if not given")
    parser.add_argument("--accept", action="store_true", help="takes the exit statuses as the right ones")
    parser.add_argument("-o", dest="out", required=True, help="folder of inputs and transcripts")
    return parser.parse_args()


def transcript(args, name):
    out = pathlib.Path(args.out)
    script = pathlib.Path(args.scripts) / (name + (".sh" if name == "runs" else ".py"))
    env = dict(os.environ, P=str(ROOT), BIN=os.path.abspath(args.bin), CASES=str(out.resolve()))
    # Without r03: it sends SIGINT to a job of a shell without job control, which starts it with SIGINT ignored, and
    # that is what it then does. tests/tools/run_folder_test.cpp has the signals.
    env["ONLY"] = "r01 r02 r04 r05 r06 r07 r08 r09 r10"
    command = ["bash", script] if name == "runs" else [sys.executable, script]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    (out / (name + ".txt")).write_text(text)
    if done.returncode != 0:
        sys.exit("%s: exit status %d\n%s" % (script, done.returncode, text[-2000:]))
    return text


def statuses(name, text):
    """Exit statuses of each case, in order. Commands before the first case belong to one of the script's name."""
    found, case = {}, name
    for line in text.splitlines():
        if line.startswith("=== "):
            case = line[4:].split(":")[0].strip()
        for status in re.findall(r"rc=(-?\w+)", line):
            found.setdefault(case, []).append(int(status) if re.fullmatch(r"-?\d+", status) else status)
    return found


def main():
    args = arguments()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    transcript(args, "base")
    differ = 0
    print("| kind | cases | commands | done | refused with a reason | else |\n| --- | --- | --- | --- | --- | --- |")
    for name in args.only or KINDS:
        found = statuses(name, transcript(args, name))
        every = [status for case in found.values() for status in case]
        done, refused = every.count(0), every.count(1) + every.count(2)
        print("| %s | %d | %d | %d | %d | %d |" % (KINDS[name], len(found), len(every), done, refused, len(every) - done - refused))
        for case, status in found.items():
            if expected.get(name, {}).get(case) != status:
                differ += 1
                print("%s: %s: exit statuses %s, expected %s" % (name, case, status, expected.get(name, {}).get(case)), file=sys.stderr)
        expected[name] = found
    if args.accept:
        EXPECTED.write_text(json.dumps(expected, indent=1).replace("[\n   ", "[").replace("\n  ]", "]").replace(",\n   ", ", ") + "\n")
        return 0
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
