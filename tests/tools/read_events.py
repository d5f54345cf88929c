"""Reads a run's event files with TensorBoard and compares them with metrics.jsonl and epochs.jsonl."""
import json
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = pathlib.Path(sys.argv[1])
all_epochs = list(range(1, int(sys.argv[2]) + 1))
all_iterations = list(range(1, 10 * len(all_epochs) + 1))
iterations = [json.loads(line) for line in (run / "metrics.jsonl").open()]
epochs = [json.loads(line) for line in (run / "epochs.jsonl").open()]
assert [r["iter"] for r in iterations] == all_iterations, iterations
assert [r["epoch"] for r in epochs] == all_epochs, epochs

events = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0})
events.Reload()
tags = events.Tags()
kinds = ("loss", "mIoU", "mAcc", "allAcc")
per_iteration = [f"{kind}_train_batch" for kind in kinds] + ["learning_rate", "images_per_second"]
per_epoch = [f"{kind}_{split}" for kind in kinds for split in ("train", "val")]
assert sorted(tags["scalars"]) == sorted(per_iteration + per_epoch), tags["scalars"]


def close(points, expected):
    assert len(points) == len(expected), (points, expected)
    for point, value in zip(points, expected):
        assert abs(point.value - value) <= 1e-6 * abs(value) + 1e-12, (point, value)


for tag in per_iteration:
    assert [point.step for point in events.Scalars(tag)] == all_iterations, tag
close(events.Scalars("loss_train_batch"), [r["main_loss"] for r in iterations])
close(events.Scalars("learning_rate"), [r["lr"] for r in iterations])
for tag in per_epoch:
    assert [point.step for point in events.Scalars(tag)] == all_epochs, tag
    close(events.Scalars(tag), [r[tag] for r in epochs])
for epoch in all_epochs:
    losses = [r["main_loss"] for r in iterations if r["epoch"] == epoch]
    assert abs(sum(losses) / 10 - epochs[epoch - 1]["loss_train"]) < 1e-6

assert len(tags["images"]) == 4, tags["images"]
for tag in tags["images"]:
    pictures = events.Images(tag)
    assert tag.startswith("prediction/") and [picture.step for picture in pictures] == all_epochs, tag
    for picture in pictures:
        assert (picture.height, picture.width) == (33, 99), picture
        assert picture.encoded_image_string.startswith(b"\x89PNG\r\n\x1a\n")
print(f"{len(tags['scalars'])} scalars and {len(tags['images'])} images read by TensorBoard")
