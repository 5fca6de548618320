"""How much arithmetic one gradient step is."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from reverie.errors import ReverieError
from reverie.models.load import load_model
from reverie.objectives.base import Objective
from reverie.types import IMAGE, Image, Model

log = logging.getLogger("reverie")

HOW = (
    "the convolutions and matrix products of one forward pass, by torch's FlopCounterMode "
    "(a multiplication and an addition are two), times two: the weights are fixed, so that the way back to the pixels "
    "costs each of them once more"
)


@dataclass(frozen=True)
class Flops:
    """Floating point operations of one gradient step, and on what they were counted."""

    step: int
    forward: int
    how: str = HOW


def flops_of_step(model: Model, wish: Objective, image: Image) -> Flops | None:
    """Of one gradient of the objective at this size; None where torch knows no form of the network.

    A step itself cannot be counted: its convolutions are oneDNN's fused calls, which torch's counter does not know. A
    network of another framework is counted on its untrained twin in torch, whose arithmetic is the same.
    """
    layers = [layer for layer in wish.layers if layer != IMAGE]
    forward = forward_flops(model, layers, image) or twin_flops(model.name, layers, image)
    return Flops(2 * forward, forward) if forward else None


def forward_flops(model: Model, layers: list[str], image: Image) -> int:
    if not layers:
        return 0
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image, layers)
    return int(counter.get_total_flops())


def twin_flops(name: str, layers: list[str], image: Image) -> int:
    try:
        twin = load_model(name, weights="random", engine="torch", device="cpu", precision="float32")
        return forward_flops(twin, layers, image.cpu())
    except ReverieError as error:
        log.warning("operations are not counted: %s", error)
        return 0
