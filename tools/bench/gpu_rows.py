"""What gpu_check.sh measured, as rows of its table: what, value, bar, verdict, divided by tabs.

    gpu_rows.py bench RESULTS.jsonl       lines of `grun bench --json` and of gpu_peer.py, each with a "name"
    gpu_rows.py eval RESULTS.jsonl FOLDER lines of gpu_peer.py and of gpu_check.sh's stage eval, and the label maps
"""

import json
import os
import sys


def row(what, value, bar="", met=None):
    verdict = ("not measured" if bar else "") if met is None else "ok" if met else "missed"
    print("\t".join([what, value, bar, verdict]))


def read(path):
    results = {}
    with open(path) as lines:
        for line in lines:
            try:
                found = json.loads(line)
                results[found["name"]] = found
            except (ValueError, KeyError, TypeError):
                row("a result that is no JSON", line.strip()[:80], "", False)
    return results


def seconds(results, name, key="median_s"):
    return results.get(name, {}).get(key)


def missing(results, *names):
    """Why a comparison cannot be made; empty where it can."""
    return "; ".join("%s: %s" % (n, results.get(n, {}).get("error", "not measured")) for n in names if "error" in results.get(n, {"error": 1}))


def speed(results, ours, peer, bar):
    what = "%s against %s" % (ours, peer)
    reason = missing(results, ours, peer)
    if reason:
        row(what, reason[:160], ">= %.2f x" % bar if bar else "")
        return
    a, b = seconds(results, ours), seconds(results, peer)
    row(what, "%.3f ms, %.3f ms: %.2f x" % (a * 1e3, b * 1e3, b / a), ">= %.2f x" % bar if bar else "", b / a >= bar if bar else None)


def bench(results):
    train = "ours_spnet50_train"
    speed(results, train, "spnet50_train_eager", 1.5)
    speed(results, train, "spnet50_train_compile", 1.15)
    for peer, bar in (("spnet50_train_eager", 0.6), ("spnet50_train_compile", None)):
        own, theirs = seconds(results, train, "device_mb"), results.get(peer, {})
        if own and "allocated_mb" in theirs:
            share = own / theirs["allocated_mb"]
            text = "%.0f MB, %.0f MB (%.0f reserved): %.2f" % (own, theirs["allocated_mb"], theirs["reserved_mb"], share)
            row("memory of %s against %s" % (train, peer), text, "<= %.1f" % bar if bar else "", share <= bar if bar else None)
    for kind in ("bf16", "f32"):
        ours = "ours_pspnet50_" + kind
        speed(results, ours, "pspnet50_%s_eager" % kind, 2.0)
        speed(results, ours, "pspnet50_%s_compile" % kind, 1.2)
    for how in ("eager", "compile"):
        speed(results, "ours_pspnet50_f32", "pspnet50_tf32_" + how, None)
        speed(results, "ours_spnet50_bf16", "spnet50_bf16_" + how, None)


def evaluation(results, folder):
    peers = {name: seconds(results, name, "s_per_image") for name in ("eval_f32", "eval_tf32")}
    for ours in ("ours_eval_f32", "ours_eval_bf16"):
        own = results.get(ours, {})
        for peer, theirs in peers.items():
            what, bar = "%s against %s" % (ours, peer), 10 if peer == "eval_tf32" else None
            if "error" in own or not own or not theirs:
                row(what, missing(results, ours, peer)[:160], ">= 10 x" if bar else "")
                continue
            text = "%.4f s (with binding %.4f), %.3f s an image: %.1f x" % (own["s_per_image"], own["all_s_per_image"], theirs, theirs / own["s_per_image"])
            row(what, text, ">= 10 x" if bar else "", theirs / own["s_per_image"] >= bar if bar else None)
    try:
        import cv2
    except ImportError:
        row("label maps of evaluation", "no OpenCV here to compare them")
        return
    if not os.path.isdir(os.path.join(folder, "gray")):
        row("label maps of evaluation", "none by PyTorch")
        return
    for kind, bar in (("f32", 0.999), ("bf16", None)):
        equal = pixels = 0
        for name in sorted(os.listdir(os.path.join(folder, "gray"))):
            a = cv2.imread(os.path.join(folder, "gray", name), cv2.IMREAD_UNCHANGED)
            b = cv2.imread(os.path.join(folder, "ours_" + kind, "gray", name), cv2.IMREAD_UNCHANGED)
            if a is None or b is None or a.shape != b.shape:
                row("label maps of evaluation, " + kind, "%s is missing or of another size" % name, "", False)
                return
            equal, pixels = equal + int((a == b).sum()), pixels + a.size
        if pixels:
            row("label maps equal to PyTorch's, " + kind, "%.5f of %d pixels" % (equal / pixels, pixels), ">= %.3f" % bar if bar else "", equal / pixels >= bar if bar else None)


if sys.argv[1] == "bench":
    bench(read(sys.argv[2]))
else:
    evaluation(read(sys.argv[2]), sys.argv[3])
