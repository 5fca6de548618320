"""Tries which images a network takes, and says in a line why it takes none."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reverie.models.hooked.grids import HeightWidth, detect_grids
from reverie.models.hooked.hooks import record_all_outputs
from reverie.models.hooked.refusals import explain_input, suggest_part

TRIAL_SIDES = (64, 96, 128, 224, 32, 28, 256, 299, 384, 448, 512)
"""Sides in pixels of the square images tried on a network to find its layers: the first that it takes."""

REFUSAL_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, IndexError, ArithmeticError)
"""What a forward pass may raise for an image of a size that the network does not take."""


def find_accepted_images(module: nn.Module, side: int | HeightWidth) -> list[Tensor]:
    """Find the first small square image that a module takes, and a second, higher and much wider, if it takes one.

    The grids are detected from the outputs for these two. `side`: one to try last, or a (height, width) to try alone.
    Empty if it takes no image.
    """
    for height, width in list_trials(side):
        first = make_gray_image(module, height, width)
        if accepts_image(module, first):
            # 64 is a multiple of all common strides; some networks take multiples of their first size only.
            wider = ((height + 64, width + 128), (2 * height, 3 * width))
            second = (make_gray_image(module, *size) for size in wider)
            return [first, *[picture for picture in second if accepts_image(module, picture)][:1]]
    return []


def list_trials(side: int | HeightWidth) -> list[HeightWidth]:
    """The sizes of the images to try: squares, the one of `side` last; or a (height, width) alone."""
    if isinstance(side, tuple):
        return [side]
    return [(each, each) for each in dict.fromkeys((*TRIAL_SIDES, side or TRIAL_SIDES[-1]))]


def describe_trials(side: int | HeightWidth) -> str:
    """The sizes that were tried, in words."""
    if isinstance(side, tuple):
        return f"{side[1]} x {side[0]} pixels"
    return f"{min(TRIAL_SIDES)} to {max(TRIAL_SIDES)} pixels a side"


def explain_refusal(module: nn.Module, side: int | HeightWidth) -> str:
    """The error that a module raises for a small image, shortened, and what to do, as the end of a message."""
    height, width = list_trials(side)[0]
    try:
        with torch.no_grad():
            module(make_gray_image(module, height, width))
    except REFUSAL_ERRORS as error:
        said = f" (of {height} it says: {' '.join(str(error).split())[:200]})"
        return said + (explain_input(module) or suggest_part(module, has_grids) or OTHER_SIZE)
    return ""


OTHER_SIZE = "; if it was made for another size, say size=(height, width)"
"""What may help where nothing else is known to, as the end of a message."""


def has_grids(module: nn.Module) -> bool:
    """Whether a part of a network takes images by itself, and answers with grids."""
    pictures = find_accepted_images(module.eval(), 0)
    outputs = [record_all_outputs(module, picture) for picture in pictures]
    grids = detect_grids(module, outputs, [spatial_size(picture) for picture in pictures]) if pictures else {}
    return any(grid.stride for grid in grids.values())


def make_gray_image(module: nn.Module, height: int, width: int) -> Tensor:
    """An image of zeros (1, 3, height, width), on the module's device and of its dtype."""
    like = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(()))
    return torch.zeros(1, 3, height, width, device=like.device, dtype=like.dtype)


def accepts_image(module: nn.Module, picture: Tensor) -> bool:
    """Whether a forward pass on an image of that size works."""
    try:
        with torch.no_grad():
            module(picture)
    except REFUSAL_ERRORS:
        return False
    return True


def spatial_size(image: Tensor) -> HeightWidth:
    """The (height, width) of an image."""
    return image.shape[-2], image.shape[-1]
