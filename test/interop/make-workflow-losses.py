"""Losses, their gradients and IoU by BiaPy 3.7.1 and PyTorch, thresholds by scikit-image: writes test/fixtures/workflow_losses.json.

Logits and labels are formulas, so that the file holds results only. Tensors are [batch, class, (z,) y, x]; gradients are
written in that order.
"""

import json
import pathlib

import numpy as np
import torch
from biapy.engine.metrics import (
    CrossEntropyLoss_wrapper,
    DiceCELoss,
    DiceLoss,
    jaccard_index,
    n2v_loss_mse,
)
from skimage.filters import threshold_otsu


def logits(shape):
    count = int(np.prod(shape))
    at = np.arange(count)
    return torch.tensor((2 * np.sin(at * 0.73) + np.cos(at * 0.31)).reshape(shape))


def labels(shape, classes):
    at = np.arange(int(np.prod(shape)))
    return torch.tensor(((at * 7 + at // 5) % classes).reshape(shape))


def judged(name, loss, shape, classes, weights=None, ignored=None, kind="CE"):
    x = logits(shape).requires_grad_()
    y = labels((shape[0], 1, *shape[2:]), classes)
    if ignored is not None:
        y.view(-1)[::ignored["every"]] = ignored["index"]
    value = loss(x, y if classes > 2 else y.double())
    value.backward()
    metric = jaccard_index(classes, torch.device("cpu"), ndim=len(shape) - 2, ignore_index=(ignored or {"index": -1})["index"])
    iou = metric(x.detach().float(), y.float())
    return {
        "name": name,
        "kind": kind,
        "shape": shape,
        "classes": classes,
        "weights": weights,
        "ignored": ignored,
        "loss": value.item(),
        "gradient": x.grad.flatten().tolist(),
        "iou": iou.item(),
    }


def wrapper(classes, ndim, weights=None, ignored=-1):
    loss = CrossEntropyLoss_wrapper(
        classes,
        ndim=ndim,
        class_rebalance="none" if weights is None else "manual",
        class_weights=weights or [],
        ignore_index=ignored,
    )
    if weights is not None:
        loss.loss.weight = loss.loss.weight.double()
    if classes <= 2:
        # The wrapper casts labels to single precision, which double logits do not mix with.
        return lambda x, y: torch.nn.BCEWithLogitsLoss()(x, y)
    return loss


def both(classes, ndim, dice, ce, weights=None):
    loss = DiceCELoss(classes, ndim=ndim, class_weights=weights or [], w_dice=dice, w_ce=ce)
    if weights is not None:
        loss.loss.weight = loss.loss.weight.double()
    if classes > 2:
        return loss
    return lambda x, y: ce * torch.nn.BCEWithLogitsLoss()(x, y) + dice * DiceLoss()(x, y)


plane, stack = [2, 1, 5, 6], [2, 1, 3, 4, 5]
planes, stacks = [2, 3, 5, 6], [1, 4, 3, 4, 5]
cases = [
    judged("two classes, CE", wrapper(2, 2), plane, 2),
    judged("two classes in 3D, CE", wrapper(2, 3), stack, 2),
    judged("two classes, DICE", DiceLoss(), plane, 2, kind="DICE"),
    judged("two classes in 3D, DICE and CE", both(2, 3, 0.4, 1.5), stack, 2, kind="0.4 DICE + 1.5 CE"),
    judged("three classes, CE", wrapper(3, 2), planes, 3),
    judged("three classes, weighted CE", wrapper(3, 2, [0.2, 1.0, 3.0]), planes, 3, weights=[0.2, 1.0, 3.0]),
    judged(
        "three classes, CE with ignored pixels",
        wrapper(3, 2, ignored=255),
        planes,
        3,
        ignored={"every": 4, "index": 255},
    ),
    judged("four classes in 3D, DICE and CE", both(4, 3, 1.0, 1.0), stacks, 4, kind="1 DICE + 1 CE"),
    judged(
        "four classes in 3D, DICE and weighted CE",
        both(4, 3, 0.5, 2.0, [1.0, 2.0, 3.0, 4.0]),
        stacks,
        4,
        weights=[1.0, 2.0, 3.0, 4.0],
        kind="0.5 DICE + 2 CE",
    ),
]

x = logits([2, 1, 5, 6]).requires_grad_()
spots = (labels([2, 1, 5, 6], 5) == 0).double()
targets = torch.cos(torch.arange(60).double() * 0.17).reshape(2, 1, 5, 6)
value = n2v_loss_mse(x, torch.cat([targets * spots, spots], 1))
value.backward()
blind = {"shape": [2, 1, 5, 6], "loss": value.item(), "gradient": x.grad.flatten().tolist()}

otsu = []
for count, a in [(500, 0.37), (1000, 0.011), (333, 1.9)]:
    values = (1 / (1 + np.exp(-8 * np.sin(np.arange(count) * a) + 3))).astype("float32")
    otsu.append({"count": count, "a": a, "threshold": float(threshold_otsu(values))})

path = pathlib.Path(__file__).parent.parent / "fixtures" / "workflow_losses.json"
path.write_text(json.dumps({"segmentation": cases, "noise2void": blind, "otsu": otsu}) + "\n")
