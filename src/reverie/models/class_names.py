"""The classes of a classifier: their names and their probabilities."""

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


def require_classifier(model: Model) -> Classifier:
    """The same model, typed as a classifier; raises `WordingError` where it has no classes."""
    if getattr(model, "classes", None) is None:
        raise WordingError(f"{model.name} has no classifier, so no classes: wish for a layer or one of its channels")
    return cast("Classifier", model)


def find_class_names(model: Model) -> Sequence[str]:
    """The names of a model's classes in the order of its logits, each with its synonyms ("jay, blue jay").

    ImageNet's names for a model that brings none of its own.
    """
    return getattr(model, "class_names", None) or read_imagenet_names()


@lru_cache(1)
def read_imagenet_names() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes, in the order in which every network has them."""
    return tuple(resources.files("reverie").joinpath("data", "imagenet_classes.txt").read_text("utf-8").splitlines())


def class_probabilities(model: Model, image: Image) -> Float[Tensor, "b n"]:
    """The probability of each class by a classifier: the softmax of its logits, which sums to 1 for every image.

    `image` (b, 3, h, w), 0..1. Raises `WordingError` for a model that is no classifier.
    """
    with torch.no_grad():
        return require_classifier(model).logits(image).float().softmax(1)
