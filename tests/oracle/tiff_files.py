"""TIFF files of every kind, written by tifffile, and their numbers read by ours: they must be the same bits.

    python tiff_files.py PROGRAM [SHARE]  PROGRAM is build/cpu/tests/oracle/write_numbers; SHARE of the kinds (0.25)
    python tiff_files.py --golden DIR     the small files of tests/datasets/golden/tiff
"""
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import tifffile


def numbers(dtype, height, width, channels):
    """What tests/datasets/test_channels.cpp computes as well."""
    y, x, c = numpy.ogrid[:height, :width, :channels]
    if dtype == "uint16":
        return ((y * 1031 + x * 257 + c * 4099) % 65536).astype("uint16")
    if dtype == "uint8":
        return ((y * 7 + x * 3 + c * 50) % 256).astype("uint8")
    return ((y - x * 0.5 + c) / 8).astype("float32")


def write(path, array, *, tile=None, rows=None, compression=None, predictor=None, planar=False, big_endian=False,
          big_tiff=False):
    separate = planar and array.shape[2] > 1
    data = numpy.moveaxis(array, 2, 0) if separate else array if array.shape[2] > 1 else array[..., 0]
    extra = {"extrasamples": [0] * (array.shape[2] - 1)} if array.shape[2] > 1 else {}
    tifffile.imwrite(path, data, bigtiff=big_tiff, byteorder=">" if big_endian else "<", photometric="minisblack", tile=tile,
                     rowsperstrip=rows, compression=compression, predictor=predictor,
                     planarconfig=("separate" if planar else "contig") if array.shape[2] > 1 else None, metadata=None, **extra)


GOLDEN = {
    "strips_u16_7": ("uint16", 7, {"rows": 8}),
    "lzw_u16_7": ("uint16", 7, {"rows": 5, "compression": "lzw"}),
    "tiled_deflate_predictor_u16_7": ("uint16", 7, {"tile": (16, 32), "compression": "zlib", "predictor": 2}),
    "planar_tiled_u16_7": ("uint16", 7, {"tile": (16, 32), "planar": True, "compression": "lzw"}),
    "planar_strips_u16_7": ("uint16", 7, {"rows": 9, "planar": True, "compression": "zlib"}),
    "big_endian_u16_7": ("uint16", 7, {"rows": 19, "big_endian": True, "compression": "lzw", "predictor": 2}),
    "bigtiff_u16_7": ("uint16", 7, {"tile": (32, 16), "big_tiff": True, "big_endian": True, "compression": "zlib"}),
    "packbits_u8_1": ("uint8", 1, {"rows": 4, "compression": "packbits"}),
    "lzw_predictor_u8_4": ("uint8", 4, {"rows": 6, "compression": "lzw", "predictor": 2}),
    "predictor3_f32_2": ("float32", 2, {"rows": 6, "compression": "zlib", "predictor": 3}),
    "tiled_predictor3_f32_1": ("float32", 1, {"tile": (16, 16), "compression": "lzw", "predictor": 3, "big_endian": True}),
}


def golden(folder):
    for name, (dtype, channels, options) in GOLDEN.items():
        write(folder / f"{name}.tif", numbers(dtype, 19, 40, channels), **options)


def combinations():
    layouts = [{"rows": 1}, {"rows": 7}, {"rows": 10000}, {"tile": (16, 16)}, {"tile": (64, 128)}]
    codings = [{}, {"compression": "lzw"}, {"compression": "zlib"}, {"compression": "packbits"}, {"compression": "zstd"},
               {"compression": "lzma"}]
    for dtype, channels in itertools.product(("uint8", "uint16", "float32"), (1, 2, 3, 4, 7, 64)):
        for layout, coding, planar, order, big in itertools.product(layouts, codings, (False, True), (False, True), (False, True)):
            predictors = [None]
            if coding.get("compression") in ("lzw", "zlib", "zstd"):
                predictors += [3] if dtype == "float32" else [2]
            for predictor in predictors:
                yield dtype, channels, {**layout, **coding, "planar": planar, "big_endian": order, "big_tiff": big,
                                        "predictor": predictor}


def compare(program, share):
    same = failed = skipped = 0
    generator = numpy.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "a.tif", Path(folder) / "a.npy"
        for dtype, channels, options in combinations():
            if generator.random() > share:
                continue
            height, width = (int(side) for side in generator.integers(1, 150, 2))
            kind = numpy.dtype(dtype)
            array = (generator.normal(size=(height, width, channels)) * 100).astype(kind) if kind.kind == "f" else \
                generator.integers(0, numpy.iinfo(kind).max, (height, width, channels), kind, True) // generator.choice([1, 50])
            array = array.astype(kind)
            try:
                write(file, array, **options)
                expected = tifffile.imread(file)
            except Exception:  # tifffile does not write, or not read, this one
                skipped += 1
                continue
            if channels > 1 and options["planar"]:
                expected = numpy.moveaxis(expected, 0, 2)
            expected = expected.reshape(height, width, channels).astype("float32")
            done = subprocess.run([program, str(channels), file, out], capture_output=True, text=True)
            if done.returncode != 0 or numpy.load(out).tobytes() != expected.tobytes():
                failed += 1
                print(dtype, channels, (height, width), options, done.stderr.strip(), flush=True)
            else:
                same += 1
    print(f"{same} files the same, {failed} not, {skipped} that tifffile does not write")
    return failed == 0


if __name__ == "__main__":
    if sys.argv[1] == "--golden":
        golden(Path(sys.argv[2]))
    else:
        sys.exit(0 if compare(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.25) else 1)
