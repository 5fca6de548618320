"""An objective of one's own: any function of the activations of some layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from reverie.errors import SettingsError, UnknownLayer
from reverie.image.resample import call_at_accepted_size
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.types import IMAGE_LAYER, Model, Score

Function: TypeAlias = Callable[[Mapping[str, Tensor]], Tensor]
"""function({layer: (b, c, h, w)}) -> one score for each image (b,), or their sum as a single number."""

TRIAL_SIDE = 224
"""The side in pixels of the picture on which a function shows which layers it reads."""


@dataclass(frozen=True)
class FunctionTerm(Term):
    """A function of the activations of some layers."""

    additive: ClassVar[bool] = False
    function: Function
    names: tuple[str, ...] = ()
    """The layers that it reads; none: those that it asks for when it is tried."""

    @property
    def layers(self) -> tuple[str, ...]:
        return self.names

    @property
    def storable(self) -> bool:
        return False

    def resolved(self, model: Model) -> Objective:
        return make_term_objective(self if self.names else replace(self, names=find_layers(self.function, model)))

    def score(self, activations: Mapping[str, Tensor]) -> Score:
        known = {name: activations[name] for name in self.names}
        score = self.check(self.function(known), len(next(iter(known.values()))))
        if any(each.requires_grad for each in known.values()) and not score.requires_grad:
            raise SettingsError(f"{self} gave a score that does not depend on the image: compute it from activations")
        return score

    def check(self, score: Any, count: int) -> Score:
        """The score of each of `count` images; raises `SettingsError` for what is none."""
        if not isinstance(score, Tensor) or not score.is_floating_point() or score.shape not in ((), (count,)):
            shape = f"a tensor of the shape {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
            raise SettingsError(f"{self} gave {shape}; expected one score for each image, ({count},)")
        return score if score.ndim else (score / count).expand(count)

    def __str__(self) -> str:
        return f"function {getattr(self.function, '__name__', type(self.function).__name__)}"


class TriedActivations(Mapping[str, Tensor]):
    """Activations that are computed when they are asked for, and remember for which layers they were."""

    def __init__(self, model: Model, image: Tensor) -> None:
        self.model, self.image = model, image
        self.read: dict[str, Tensor] = {IMAGE_LAYER: image}
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.read:
            if name not in self.model.layers:
                raise UnknownLayer(self.model, name)
            self.read[name] = self.model(self.image, [name])[name]
        self.asked.append(name)
        return self.read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.model.layers)

    def __len__(self) -> int:
        return len(self.model.layers)


def find_layers(function: Function, model: Model) -> tuple[str, ...]:
    """The layers that a function reads, found by trying it on a gray picture; raises `SettingsError` for none."""

    def try_on(image: Tensor) -> tuple[str, ...]:
        tried = TriedActivations(model, image)
        with torch.no_grad():
            function(tried)
        return tuple(dict.fromkeys(tried.asked))

    gray = torch.full((1, 3, TRIAL_SIDE, TRIAL_SIDE), 0.5, device=model.device)
    found = call_at_accepted_size(try_on, gray)
    if not found:
        raise SettingsError(f"{FunctionTerm('', function)} reads no layer; expected one, as in activations['fire8']")
    return found


def function(score: Function, layers: Sequence[str] = ()) -> Objective:
    """An objective of your own: a function of activations, climbed as any other and added to others.

    Args:
        score: {layer: (b, c, h, w)} -> one score for each image (b,), differentiable; a single number is taken for
            their sum. It sees each image of a visualized batch alone.
        layers: those that it reads; without them it is tried once on a gray picture to find out.

    After lucid's lambdas. It has no words, so that no recipe can hold it, and needs the whole image at once, not tiles.
    The score raises `SettingsError` for what is no score, `UnknownLayer` for a layer that the model does not have.

    >>> import reverie as rv
    >>> model = rv.load_model("squeezenet", weights="random")
    >>> wanted = rv.function(lambda acts: acts["fire3"][:, 7].amax((1, 2))) - 0.1 * rv.total_variation()
    >>> rv.visualize(model, wanted, size=32, steps=2).shape
    torch.Size([1, 3, 32, 32])
    """
    if not callable(score):
        raise SettingsError(f"{score!r} is no function; expected one of activations, such as lambda acts: ...")
    return make_term_objective(FunctionTerm("", score, tuple([layers] if isinstance(layers, str) else layers)))
