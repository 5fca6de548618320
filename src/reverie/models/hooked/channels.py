"""Feeds pictures of three colors to a network of another number of channels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from reverie.errors import SettingsError

log = logging.getLogger("reverie")

Channels: TypeAlias = int | Callable[[Tensor], Tensor]
"""The number of a network's channels, or a function that makes them: images (b, 3, h, w), 0..1, to (b, n, h, w)."""

LUMINANCE = (0.299, 0.587, 0.114)
"""What red, green and blue are of a gray picture (ITU-R BT.601), as most libraries that read pictures make one."""

UNCHANGED = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
"""The mean and std of a network that is fed here: the feed normalizes."""


@dataclass(frozen=True)
class ChannelFeed:
    """The forward pre-hook of a network: it turns images (b, 3, h, w), 0..1, into (b, n, h, w), normalized."""

    channels: Channels
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The network's inputs, the first of them, an image, converted."""
        fed = self.convert(inputs[0])
        mean, std = (fed.new_tensor(each).view(1, -1, 1, 1) for each in (self.mean, self.std))
        return ((fed - mean) / std, *inputs[1:])

    def convert(self, image: Tensor) -> Tensor:
        """The channels of an image: its luminance, its colors in turn, or what the user's function makes of it."""
        if isinstance(self.channels, nn.Module):
            made: Tensor = self.channels.to(image.device, image.dtype)(image)
            return made
        if not isinstance(self.channels, int):
            return self.channels(image)
        if self.channels == 1:
            return torch.einsum("bchw,c->bhw", image, image.new_tensor(LUMINANCE))[:, None]
        return image[:, [number % 3 for number in range(self.channels)]]


def feed_channels(
    module: nn.Module, channels: Any, mean: Sequence[float] | float, std: Sequence[float] | float, name: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Make a network take images (b, 3, h, w), whatever its channels. Returns the mean and std that remain to be used.

    Raises SettingsError for a number of channels below 1, and for another number of means than of channels.
    """
    if channels == 3:
        return tuple(mean) if isinstance(mean, Sequence) else (mean,), tuple(std) if isinstance(std, Sequence) else (
            std,
        )
    if not callable(channels) and (not isinstance(channels, int) or channels < 1):
        raise SettingsError(f"channels is {channels!r}; expected a number from 1 up, or a function that makes them")
    count = channels if isinstance(channels, int) else None
    feed = ChannelFeed(channels, read_numbers(mean, "mean", count), read_numbers(std, "std", count))
    if count not in (None, 1):
        turn = ", ".join(("red", "green", "blue")[number % 3] for number in range(min(count or 0, 7)))
        log.warning("%s takes %d channels, and is fed %s: for others, give channels=a function", name, count, turn)
    module.register_forward_pre_hook(feed)
    return UNCHANGED


def read_numbers(numbers: Sequence[float] | float, what: str, count: int | None) -> tuple[float, ...]:
    """The `what`, "mean" or "std", of each of so many channels; one number stands for all. Raises SettingsError."""
    read = tuple(map(float, numbers)) if isinstance(numbers, Sequence) else (float(numbers),)
    if len(read) not in (1, count or len(read)) or (what == "std" and min(read, default=0) <= 0):
        raise SettingsError(f"{what} is {numbers!r}; expected {count or 'some'} numbers, one for each channel, or one")
    return read
