"""The tables that peers.py writes between the two markers of doc/benchmarks.md."""

from rows import ROWS

BEGIN = "<!-- peers.py: begin -->"
END = "<!-- peers.py: end -->"


def verdict(met):
    return "met" if met else "missed"


def cell(value, form):
    return "" if value is None else form % value


def lines_of(header, body):
    return ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)] + ["| " + " | ".join(line) + " |" for line in body]


def comparisons(results):
    body = []
    for name, row in ROWS.items():
        measured = results.get(name)
        if row["kind"] != "ratio" or measured is None:
            continue
        programs = measured["programs"]
        against = programs.get(row["against"], {})
        for unit, form, key, bar in (("s", "%.3f", "ratio", row["bar"]), ("mb", "%.0f MB", "mb_ratio", row["mb_bar"])):
            if bar is None:
                continue
            peers = [cell(programs.get(p, {}).get(unit), form) or ("absent" if p in measured["absent"] else "") for p in ("torch", "ort")]
            value = against.get(key)
            peer = "PyTorch" if row["against"] == "torch" else "ONNX Runtime"
            body.append([
                row["title"] + (", peak memory" if unit == "mb" else ", s"), form % programs["ours"][unit], *peers,
                cell(value, "%.2f"), "≤ %.2f × %s" % (bar, peer), "not compared" if value is None else verdict(value <= bar),
                measured["date"],
            ])
    return lines_of(["", "graphrun", "PyTorch", "ONNX Runtime", "ratio", "bar", "", "measured"], body) if body else []


def others(results):
    body = []
    for name, row in ROWS.items():
        measured = results.get(name)
        if measured is None:
            continue
        if row["kind"] == "eval":
            text = "%.2f s, the reference's program %.2f s" % (measured["ours_s"], measured["reference_s"])
            body.append([row["title"], text, "%.1f times as fast" % measured["ratio"], "≥ %.1f times" % row["bar"],
                         verdict(measured["ratio"] >= row["bar"]), measured["date"]])
        elif row["kind"] == "memory":
            text = "%.0f MB, PyTorch's process %.0f MB" % (measured["ours_mb"], measured["torch_mb"])
            body.append([row["title"], text, "%.2f" % measured["ratio"], "≤ %.2f" % row["bar"],
                         verdict(measured["ratio"] <= row["bar"]), measured["date"]])
        elif row["kind"] == "cold":
            for net, values in measured["nets"].items():
                text = "first label map after %.2f s" % values["first_s"]
                if "import_torch_s" in measured:
                    text += "; `import torch` alone %.2f s" % measured["import_torch_s"]
                body.append(["%s: %s" % (net, row["title"]), text, "%.2f s" % values["cold_s"], "≤ %.2f s" % row["bar"],
                             verdict(values["cold_s"] <= row["bar"]), measured["date"]])
    return lines_of(["", "", "", "bar", "", "measured"], body) if body else []


def scaling(results):
    body = []
    for name, row in ROWS.items():
        measured = results.get(name)
        if row["kind"] != "scaling" or measured is None:
            continue
        for point in measured["points"]:
            body.append([row["title"], str(point["value"]), "%.3f" % point["s"], "%.0f" % point["ns_per_pixel"]])
    if not body:
        return []
    return ["SPNet-50 in f32, inference; 480², batch 1 and 2 threads where not said otherwise.", ""] + lines_of(
        ["", "", "seconds", "ns a pixel"], body)


def shares(results):
    text = []
    for name, row in ROWS.items():
        measured = results.get(name)
        if row["kind"] != "share" or measured is None:
            continue
        peak = measured["peak_gflops"]
        body = []
        for net, values in measured["nets"].items():
            rate = values["gflop"] / values["s"]
            body.append([net, "all", "%.1f" % (values["s"] * 1e3), "%.1f" % values["gflop"], "%.0f" % rate, "%.0f %%" % (100 * rate / peak)])
            kernels = sorted(values["kernels"].items(), key=lambda item: -item[1]["s"])
            for kernel, entry in kernels[:8]:
                rate = entry["gflop"] / entry["s"] if entry["s"] > 0 else 0
                body.append([net, "%s (%d)" % (kernel, entry["nodes"]), "%.1f" % (entry["s"] * 1e3), "%.1f" % entry["gflop"],
                             "%.0f" % rate if rate else "", "%.0f %%" % (100 * rate / peak) if rate else ""])
        text += ["%s: a large matrix product runs at %.0f GFLOP/s. Arithmetic is that of the convolutions as written, so a kernel "
                 "that needs less of it can exceed the limit." % (row["title"][0].upper() + row["title"][1:], peak), ""]
        text += lines_of(["", "kernel (nodes)", "ms", "GFLOP", "GFLOP/s", "of the limit"], body) + [""]
    return text[:-1]


def render(results):
    parts = [part for part in (comparisons(results), others(results), scaling(results), shares(results)) if part]
    return "\n".join("\n".join(part) + "\n" for part in parts)


def write(path, text):
    document = path.read_text()
    if BEGIN not in document or END not in document:
        raise SystemExit("%s: no lines %s and %s" % (path, BEGIN, END))
    head, rest = document.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    path.write_text(head + BEGIN + "\n" + text + END + tail)
