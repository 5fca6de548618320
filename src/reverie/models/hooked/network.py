"""Any torch network as a `Network`: its layers are its own modules, by their own dotted names, overheard by hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from reverie.errors import SettingsError, SizeRefused
from reverie.models.hooked.folding import folded
from reverie.models.hooked.grids import Grid, Lies, Size, grids_of, steady_grids
from reverie.models.hooked.hooks import look, overhear

LOGITS = "logits"
"""What the whole network's own answer is called, where that is a number for each class: a grid of one place."""

SIDES = (64, 96, 128, 224, 32, 28, 256, 299, 384, 448, 512)
"""Sides in pixels of the pictures that show what a network is built of; the first one that it takes."""

REFUSALS = (RuntimeError, ValueError, TypeError, AssertionError, IndexError, ArithmeticError)


class Hooked(nn.Module):
    """`forward(image, layers) -> {layer: (b, c, h, w)}` of any module; `image` (b, 3, h, w) as MEAN and STD make it.

    LAYERS are those that answer with a grid, in order of execution; a container comes after what it contains. CLASSES
    is the layer whose channels are the classes, None where the network's own answer is none of that kind.
    The module is put at rest (`eval`) and kept: hand in a copy of one that is still to be trained.
    """

    def __init__(
        self,
        module: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        name: str = "the network",
        side: int = 0,
    ) -> None:
        """`side`: that of the square pictures the module was made for, if it may take no others.

        Raises SettingsError for a module that takes no picture, or has no layer with a grid.
        """
        super().__init__()
        self.name, self.MEAN, self.STD = name, three(mean, "mean"), three(std, "std")
        self.plain = module.eval()
        self.pictures = taken(module, side)
        if not self.pictures:
            sides = f"{min(SIDES)} to {max(SIDES)} pixels a side"
            raise SettingsError(f"{name} answers to no picture of {sides}{why_not(module)}")
        answers = [look(module, picture) for picture in self.pictures]
        self.ran = frozenset(answers[0])
        sizes = [size_of(picture) for picture in self.pictures]
        self.grids = grids_of(module, answers, sizes) or steady_grids(answers, sizes)
        if not self.grids:
            raise SettingsError(f"{name} has no layer that answers with a grid of activations: nothing to dream of")
        self.CLASSES, self.CLASS_COUNT = self.named_logits(answers[0].get(""))
        self.LAYERS = tuple(self.grids)
        others = [each for each, _ in module.named_modules() if each and each not in self.grids]
        self.OTHERS = {each: in_words(answers[0].get(each)) for each in others}
        random = torch.rand(self.pictures[0].shape, generator=torch.Generator().manual_seed(0))
        self.swift, self.unlike = folded(module, random.to(self.pictures[0]))
        self.overwritten: frozenset[str] = frozenset()

    def named_logits(self, answer: Tensor | None) -> tuple[str | None, int | None]:
        """The layer made of the whole network's answer, and how many classes it has, if it is a number for each."""
        if answer is None or answer.ndim != 2 or answer.shape[1] < 2:
            return None, None
        name = LOGITS if LOGITS not in self.grids else f".{LOGITS}"  # some networks have a layer of that name
        self.grids[name] = Grid(Lies.VECTOR)
        return name, answer.shape[1]

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """The activations of `layers`. Runs nothing after the last of them, and leaves no hook behind.

        SizeRefused: a picture of a size that the network does not take; ValueError: one that is too small.
        """
        if not layers:
            return {}
        try:
            return self.activations(image, layers)
        except SizeRefused:
            raise
        except REFUSALS as error:
            if self.at_fault(image, layers, error):
                raise self.refused(image) from error
            if isinstance(error, (RuntimeError, ValueError)):
                raise
            raise ValueError(str(error)) from error

    def activations(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        answers = self.answers(image, layers)
        found = {name: self.grids[name].planes(answers[name], size_of(image)) for name in layers}
        for name, planes in found.items():
            if not planes.numel():
                raise ValueError(f"nothing is left of the picture at {name}")
        return found

    def answers(self, image: Tensor, layers: Collection[str]) -> Mapping[str, Tensor]:
        """What the layers answer, as it was when they gave it: where something wrote over it, they are asked again."""
        network = self.plain if self.unlike & set(layers) else self.swift
        names = ["" if name == self.CLASSES else name for name in layers]
        heard = overhear(network, image, names, self.overwritten)
        if heard.overwritten():
            self.overwritten |= heard.overwritten()
            heard = overhear(network, image, names, self.overwritten)
        if len(heard.answers) < len(names):
            silent = ", ".join(sorted(set(names) - set(heard.answers)))
            raise ValueError(f"{self.name} passes by {silent} in a picture of {image.shape[-1]} x {image.shape[-2]}")
        return {name: heard.answers["" if name == self.CLASSES else name] for name in layers}

    def at_fault(self, image: Tensor, layers: Collection[str], error: Exception) -> bool:
        """Whether the network does not take pictures of that size, though they are not too small."""
        if "memory" in str(error).lower():  # out of it: torch has no class of its own for this on processors
            return False
        (height, width), (least, _) = size_of(image), size_of(self.pictures[0])
        if self.any_size and min(height, width) < least:
            return False
        try:
            with torch.no_grad():
                self.activations(self.pictures[0].to(image), layers)
        except REFUSALS:
            return False
        return True

    @property
    def any_size(self) -> bool:
        """Whether it took a second picture whose sides are any multiples of 64, not just of the first one's."""
        return len(self.pictures) > 1 and self.pictures[1].shape[2] == self.pictures[0].shape[2] + 64

    def refused(self, image: Tensor) -> SizeRefused:
        (height, width), size = size_of(image), size_of(self.pictures[0])
        others = "or multiples of that" if len(self.pictures) > 1 else "and no others"
        return SizeRefused(
            f"{self.name} does not take a picture of {width} x {height} pixels: it takes {size[1]} x {size[0]}, "
            f"{others} (--size {size[0]} of a square picture)",
            size,
        )

    @property
    def strides(self) -> dict[str, int]:
        """The pixels from neuron to neuron of every layer with more places than one."""
        return {name: grid.stride for name, grid in self.grids.items() if grid.stride}

    @property
    def block_parameters(self) -> dict[str, tuple[int, int]]:
        """(trainable, non-trainable) numbers of each top-level block; one that runs in training only is left out."""
        own = {name: (each.numel(), 0) for name, each in self.plain.named_parameters(recurse=False)}
        ran = {name.split(".")[0] for name in self.ran}
        return own | {name: counts(block) for name, block in self.plain.named_children() if name in ran}

    def layer_parameters(self, layer: str) -> tuple[int, int]:
        """The (trainable, non-trainable) numbers within a layer."""
        return counts(self.plain.get_submodule(layer)) if layer != self.CLASSES else (0, 0)


def counts(module: nn.Module) -> tuple[int, int]:
    """Trained numbers, and those that were not trained but counted along (the statistics of batch norms)."""
    return sum(each.numel() for each in module.parameters()), sum(each.numel() for each in module.buffers())


def taken(module: nn.Module, side: int) -> list[Tensor]:
    """The first small picture that a module takes, and a second one, higher and much wider, if it takes any such."""
    for first in dict.fromkeys((*SIDES, side or SIDES[-1])):
        square = gray(module, first, first)
        if takes(module, square):
            wider = ((first + 64, first + 128), (2 * first, 3 * first))
            second = (gray(module, *size) for size in wider)
            return [square, *[picture for picture in second if takes(module, picture)][:1]]
    return []


def why_not(module: nn.Module) -> str:
    """What a module says of a small picture that it does not take, on one line and cut short."""
    try:
        with torch.no_grad():
            module(gray(module, SIDES[0], SIDES[0]))
    except REFUSALS as error:
        return f" (of {SIDES[0]} it says: {' '.join(str(error).split())[:200]})"
    return ""


def in_words(answer: Tensor | None) -> str:
    """What a layer answers with that has no grid."""
    if answer is None:
        return "it is not called by itself"
    return f"it answers with {'x'.join(map(str, answer.shape[1:])) or '1'} numbers"


def gray(module: nn.Module, height: int, width: int) -> Tensor:
    """A picture of nothing, where the module is and of its type."""
    like = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(()))
    return torch.zeros(1, 3, height, width, device=like.device, dtype=like.dtype)


def takes(module: nn.Module, picture: Tensor) -> bool:
    try:
        with torch.no_grad():
            module(picture)
    except REFUSALS:
        return False
    return True


def size_of(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]


def three(numbers: Sequence[float], what: str) -> tuple[float, float, float]:
    if len(numbers) != 3 or (what == "std" and not all(number > 0 for number in numbers)):
        raise SettingsError(f"{what} is {numbers!r}; expected three numbers, of red, green and blue on the scale 0..1")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def digest_of(module: nn.Module) -> str:
    """SHA-256, in hexadecimal, of a module's state by name: the same weights, the same digest, whatever their file."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()
