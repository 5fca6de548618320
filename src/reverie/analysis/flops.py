"""Counts the floating point operations of a gradient."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from reverie.errors import ReverieError
from reverie.models.any_size import accept_any_size
from reverie.models.load import load_model
from reverie.objectives.base import Objective
from reverie.types import CHANGE_LAYER, IMAGE_LAYER, Image, Model

log = logging.getLogger("reverie")

COUNTING_METHOD = (
    "the convolutions and matrix products of one forward pass, by torch's FlopCounterMode "
    "(a multiplication and an addition are two), times two: the weights are fixed, so that the way back to the pixels "
    "costs each of them once more"
)


@dataclass(frozen=True)
class Flops:
    """Floating point operations of one gradient (`step`) and of its forward pass, and how they were counted."""

    step: int
    forward: int
    how: str = COUNTING_METHOD


def count_step_flops(model: Model, objective: Objective, image: Image) -> Flops | None:
    """Counts the operations of one gradient of the objective at the image's size.

    Returns None where the network cannot be counted: it is of another framework, and has no twin in torch.

    Only a forward pass is counted, without gradient: a step runs oneDNN's fused convolutions, which torch's counter
    does not know. A network of another framework is counted on its untrained twin in torch, whose arithmetic is the
    same.
    """
    layers = [layer for layer in objective.layers if layer not in (IMAGE_LAYER, CHANGE_LAYER)]
    forward = count_forward_flops(model, layers, image) or count_twin_flops(model.name, layers, image)
    return Flops(2 * forward, forward) if forward else None


def count_forward_flops(model: Model, layers: list[str], image: Image) -> int:
    """Operations of a forward pass up to the layers; 0 where torch's counter sees none, as in another framework."""
    if not layers:
        return 0
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        accept_any_size(model)(image, layers)
    return int(counter.get_total_flops())


def count_twin_flops(name: str, layers: list[str], image: Image) -> int:
    """Operations of a forward pass of the untrained network of this name in torch; 0, with a warning, without one."""
    try:
        twin = load_model(name, weights="random", engine="torch", device="cpu", precision="float32")
        return count_forward_flops(twin, layers, image.cpu())
    except ReverieError as error:
        log.warning("operations are not counted: %s", error)
        return 0
