"""How much memory a dream needs, and the largest tile that fits into a given budget.

Users give a budget in bytes, not the side of a tile: what one step needs for each pixel is measured on a small image.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias
from weakref import WeakKeyDictionary

import psutil
import torch

from reverie.errors import SettingsError, SizeRefused
from reverie.gradient.tiling import TilePlan
from reverie.models.any_size import WINDOWS_AT_ONCE, accept_any_size, sees_windows
from reverie.models.receptive_field import find_accepted_sizes
from reverie.objectives.base import Objective
from reverie.types import CHANGE_LAYER, IMAGE_LAYER, Model

MEMORY_UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
"""The bytes in a unit of memory, by its prefix in lower case."""

IMAGE_BYTES_PER_PIXEL = 160
"""The bytes that a dream holds for each pixel outside the network: photo, base, detail, canvas, grad, temporaries."""

PEAK_FACTOR = 3.5
"""The peak memory of a step over the size of its saved tensors, apart from `TRANSIENT_BYTES_PER_PIXEL`.

The two numbers together cover the peaks measured with squeezenet and InceptionV3, each in float32 and bfloat16.
"""

TRANSIENT_BYTES_PER_PIXEL = 100
"""The bytes that a step allocates for each pixel besides: temporaries between the layers of the finest grid."""

PROBE_SIDE = 384
"""The side in pixels of the image on which memory is measured: large enough for every layer of the known networks."""

JOINED_BYTES_PER_PIXEL = 300
"""The bytes that a step on windows holds for each pixel of the image: the windows, and the activations of all."""

SMALLEST_WHOLE_TILE = 256
"""The side in pixels of the smallest tile for a network whose neurons see the whole image."""

TermKeys: TypeAlias = tuple[tuple[str, ...], ...]
"""What an objective's memory depends on: the wording and the layers of each term, without the weights."""

_STEP_BYTES: WeakKeyDictionary[Model, dict[TermKeys, float]] = WeakKeyDictionary()
"""The results of `step_bytes_per_pixel`; those of a model go when the model does."""


def parse_memory(text: str) -> int:
    """The number of bytes in text such as "2GB", "512 MiB" or "auto" (half of the available memory).

    Raises `SettingsError` for other text, and for less than a megabyte.
    """
    if text.strip().lower() == "auto":
        return available_memory() // 2
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    if match is None or match[2] not in MEMORY_UNITS or float(match[1]) <= 0:
        raise SettingsError(f"memory is {text!r}; expected something like 2GB, 512MB or auto")
    found = int(float(match[1]) * MEMORY_UNITS[match[2]])
    if found < 10**6:  # "2" is more likely a forgotten unit than two bytes
        raise SettingsError(f"memory is {text!r}, which is {found:,} bytes; expected something like {match[1]}GB")
    return found


def available_memory() -> int:
    """The bytes of memory that can be allocated without swapping out other programs."""
    return int(psutil.virtual_memory().available)


def step_bytes_per_pixel(model: Model, objective: Objective) -> float:
    """The peak memory of one gradient step, in bytes for each pixel of the image.

    `objective` must be resolved for the model, and not read `CHANGE_LAYER`. The first call runs a forward pass on a
    small image; the result is kept for as long as the model lives, because every frame of a film asks for it.
    """
    # The terms themselves are no keys: a guide's hold its features, and are other objects each time it is resolved.
    key = tuple((str(term), *term.layers) for _, term in objective.terms)
    known = _STEP_BYTES.setdefault(model, {})
    if key not in known:
        try:
            known[key] = measure_step_bytes(model, objective, (PROBE_SIDE, PROBE_SIDE))
        except SizeRefused as refusal:
            if sees_windows(model, find_network_layers(objective)):
                known[key] = measure_step_bytes(model, objective, refusal.size)
            else:  # multiples of another number than `PROBE_SIDE` is one of
                known[key] = measure_step_bytes(accept_any_size(model), objective, (PROBE_SIDE, PROBE_SIDE))
    return known[key]


def estimate_step_bytes(model: Model, objective: Objective, pixels: int) -> float:
    """The peak memory in bytes of one gradient step on an image of so many pixels.

    Of a network that sees windows of one size, no more than `WINDOWS_AT_ONCE` of them are held, whatever the image.
    `objective` as in `step_bytes_per_pixel`.
    """
    each, sizes = step_bytes_per_pixel(model, objective), find_accepted_sizes(model)
    if sizes is None or not sees_windows(model, find_network_layers(objective)):
        return each * pixels
    return each * WINDOWS_AT_ONCE * math.prod(sizes.size) + JOINED_BYTES_PER_PIXEL * pixels


def find_network_layers(objective: Objective) -> list[str]:
    """The layers of the network that an objective reads, without the image itself."""
    return [name for name in objective.layers if name != IMAGE_LAYER]


def measure_step_bytes(model: Model, objective: Objective, size: tuple[int, int]) -> float:
    """The bytes for each pixel that a step needs at one size (height, width), from the tensors saved for backward."""
    names = find_network_layers(objective)
    # By the address of the storage: several layers may save views of one tensor.
    saved: dict[int, int] = {}

    def record_storage(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    count = 2 if objective.batchwide else 1
    image = torch.zeros(count, 3, *size, device=model.device, requires_grad=True)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(record_storage, lambda tensor: tensor):
        activations = {**(model(image, names) if names else {}), IMAGE_LAYER: image}
        for _, term in objective.terms:  # not the score: a neuron's place may lie beyond so small a picture
            seen = {name: activations[name].float() for name in term.layers}
            seen |= {each.at(name): seen[name][:1].detach() for each in term.references for name in term.layers}
            (term.excitement_of if term.additive else term.score)(seen)
    return PEAK_FACTOR * sum(saved.values()) / (count * size[0] * size[1]) + TRANSIENT_BYTES_PER_PIXEL


def find_tile(model: Model, objective: Objective, budget: int, size: tuple[int, int]) -> int | None:
    """The side in pixels of the largest tile for an image of `size` (height, width) within `budget` bytes.

    None if the whole image fits. Raises `SettingsError` with the least budget that works if no tile does.
    """
    objective = objective.resolved(model).without(CHANGE_LAYER)  # `kept` computes that term, without the network
    if not objective.terms:
        return None
    pixels = size[0] * size[1]
    room = budget - IMAGE_BYTES_PER_PIXEL * pixels  # the photo, the canvas and the like are held whole, tiled or not
    if room >= estimate_step_bytes(model, objective, pixels):
        return None
    least = smallest_tile(model, objective)
    if room < estimate_step_bytes(model, objective, least**2):
        needed = IMAGE_BYTES_PER_PIXEL * pixels + estimate_step_bytes(model, objective, least**2)
        raise SettingsError(f"memory is {budget:,} bytes; this picture and these layers need at least {needed:,.0f}")
    fixed = estimate_step_bytes(model, objective, 0)
    return int(((room - fixed) / (estimate_step_bytes(model, objective, 1) - fixed)) ** 0.5)


def smallest_tile(model: Model, objective: Objective) -> int:
    """The side of the smallest tile worth computing, in pixels: one that owns as many pixels a side as its halo has.

    Of a network whose neurons see the whole image, it is about the size that networks are trained at.
    """
    plan = TilePlan.of(model, objective, 0, None)
    least = max(plan.tile, SMALLEST_WHOLE_TILE if plan.whole_layers else 0)
    return max(least, 2 * (plan.before + plan.behind) + plan.step)
