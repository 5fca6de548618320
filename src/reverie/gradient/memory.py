"""How much memory a dream may take, and what fits into it.

Tiles follow from a budget, not from a number the user must guess: what a step keeps for its way back is measured.
"""

from __future__ import annotations

import re

import psutil
import torch

from reverie.errors import SettingsError, SizeRefused
from reverie.gradient.tiling import Plan
from reverie.objectives.base import Objective
from reverie.types import CHANGE, IMAGE, Model

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}

IMAGE_BYTES = 160
"""What a dream holds for each pixel beside the network: photo, base, detail, canvas, grad and their passing copies."""

PEAK = 3.5
"""A step's peak over what it keeps for the way back, beside PASSING: the two cover what was measured, both networks in
both precisions."""

PASSING = 100
"""What a step holds for each pixel beside that: what it makes and drops between the layers of the finest grid."""


def parse_memory(text: str) -> int:
    """The bytes that words such as "2GB", "512 MiB" or "auto" (half of what is free) say; raises `SettingsError`."""
    if text.strip().lower() == "auto":
        return available_memory() // 2
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    if match is None or match[2] not in UNITS or float(match[1]) <= 0:
        raise SettingsError(f"memory is {text!r}; expected something like 2GB, 512MB or auto")
    found = int(float(match[1]) * UNITS[match[2]])
    if found < 10**6:
        raise SettingsError(f"memory is {text!r}, which is {found:,} bytes; expected something like {match[1]}GB")
    return found


def available_memory() -> int:
    """The bytes that can be had without pushing other programs out."""
    return int(psutil.virtual_memory().available)


def step_bytes_per_pixel(model: Model, objective: Objective) -> float:
    """What one step takes for each pixel: measured on a small picture by what it keeps for its way back."""
    try:
        return measured_bytes(model, objective, (384, 384))
    except SizeRefused as refusal:
        return measured_bytes(model, objective, refusal.size)


def measured_bytes(model: Model, objective: Objective, size: tuple[int, int]) -> float:
    """The same, measured on a picture of that size (height, width)."""
    names = [name for name in objective.layers if name != IMAGE]
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    image = torch.zeros(1, 3, *size, device=model.device, requires_grad=True)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        seen = {**(model(image, names) if names else {}), IMAGE: image}
        for _, term in objective.terms:  # not the score: a neuron's place may lie beyond so small a picture
            (term.excitement if term.additive else term)(seen[term.layer].float())
    return PEAK * sum(kept.values()) / (size[0] * size[1]) + PASSING


def tile_for(model: Model, objective: Objective, budget: int, size: tuple[int, int]) -> int | None:
    """The side of the largest window that a picture of `size` (height, width) leaves room for; None if it fits whole.

    Raises `SettingsError` with the least budget where not even the smallest window does.
    """
    objective = objective.resolved(model).without(CHANGE)
    if not objective.terms:
        return None
    pixels = size[0] * size[1]
    each = step_bytes_per_pixel(model, objective)
    room = budget - IMAGE_BYTES * pixels
    if room >= each * pixels:
        return None
    least = smallest_tile(model, objective)
    if room < each * least**2:
        needed = IMAGE_BYTES * pixels + each * least**2
        raise SettingsError(f"memory is {budget:,} bytes; this picture and these layers need at least {needed:,.0f}")
    return int((room / each) ** 0.5)


def smallest_tile(model: Model, objective: Objective) -> int:
    """The side of the smallest window worth computing: as much owned as halo."""
    plan = Plan.of(model, objective, 0, None)
    return 2 * (plan.before + plan.behind) + plan.step
