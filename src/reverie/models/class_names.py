"""What the classes of a classifier are called, and how likely it finds them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import WordingError
from reverie.types import Classifier, Image, Model


def classifier_of(model: Model) -> Classifier:
    """The model as a classifier; raises `WordingError` where it is none."""
    if getattr(model, "classes", None) is None:
        raise WordingError(f"{model.name} has no classifier, so no classes: wish for a layer or one of its channels")
    return cast("Classifier", model)


def names_of(model: Model) -> Sequence[str]:
    """What its classes are called, each with its synonyms, separated by commas."""
    return getattr(model, "class_names", None) or imagenet_names()


@lru_cache(1)
def imagenet_names() -> tuple[str, ...]:
    """ImageNet's 1000 classes, in the order every network has them."""
    return tuple(resources.files("reverie").joinpath("data", "imagenet_classes.txt").read_text("utf-8").splitlines())


def probabilities(model: Model, image: Image) -> Float[Tensor, "b n"]:
    """How probable a classifier takes each of its classes to be; together 1."""
    with torch.no_grad():
        return classifier_of(model).logits(image).float().softmax(1)
