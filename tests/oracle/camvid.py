"""The reference's data set class and transforms on CamVid, whose labels are already classes (0.., 255 void)."""

import os
import types

import numpy as np

import spnet


def dataset(folder, split, transform):
    """The reference takes 1 from every label id and calls what is then negative void: its reader is given ids one higher."""
    module = spnet.reference("util.dataset")
    cv2 = spnet.reference("cv2")

    def imread(path, mode):
        image = cv2.imread(path, mode)
        return image + np.uint8(1) if mode == cv2.IMREAD_GRAYSCALE else image

    module.cv2 = types.SimpleNamespace(**{**vars(cv2), "imread": imread})
    data = module.Ade20kData(
        split=split, data_root=folder, data_list=os.path.join(folder, "list", split + ".txt"), transform=transform
    )
    data._class_to_index = lambda mask: mask
    return data


def plain_transform(crop):
    """Centre crop and normalisation."""
    t = spnet.reference("util.transform")
    return t.Compose(
        [
            t.Crop([crop, crop], crop_type="center", padding=spnet.MEAN, ignore_label=255),
            t.ToTensor(),
            t.Normalize(mean=spnet.MEAN, std=spnet.STD),
        ]
    )


def train_transform(crop):
    """The reference's augmentation with the settings of its ADE20K configuration."""
    t = spnet.reference("util.transform")
    return t.Compose(
        [
            t.RandScale([0.5, 2.0]),
            t.RandRotate([-10, 10], padding=spnet.MEAN, ignore_label=255),
            t.RandomGaussianBlur(),
            t.RandomHorizontalFlip(),
            t.Crop([crop, crop], crop_type="rand", padding=spnet.MEAN, ignore_label=255),
            t.ToTensor(),
            t.Normalize(mean=spnet.MEAN, std=spnet.STD),
        ]
    )
