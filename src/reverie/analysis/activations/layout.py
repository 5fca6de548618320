"""Activations laid out on a plane, like ones as neighbors, and the plane divided into cells."""

from __future__ import annotations

import importlib.util
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from reverie.analysis.activations.sampling import Samples, find_strongest
from reverie.errors import MissingExtra, SettingsError

NEIGHBORS = 15
"""To how many others each activation is held near by UMAP."""

MIN_DISTANCE = 0.1
"""How near two activations may lie to each other on the plane."""

LEAST_ACTIVATIONS = 3 * NEIGHBORS
"""Below so many activations there is no neighborhood to speak of."""

OUTLIERS = 1
"""The percentage of activations at each side of the plane that are moved to its border."""

LABELS = 3
"""How many classes a cell is labelled with, at most."""


@dataclass(frozen=True, eq=False)
class AtlasCell:
    """One cell of an atlas: its place, how many activations lie there, their whitened mean (c,), their classes."""

    row: int
    column: int
    count: int
    direction: Float[Tensor, " c"]
    classes: tuple[int, ...] = ()


def lay_out(vectors: Float[Tensor, "n c"], seed: int) -> Float[Tensor, "n 2"]:
    """The place (x, y), 0..1, of each activation on a plane: like directions lie together. The same for a seed.

    By UMAP (McInnes, Healy and Melville, 2018) of the cosine distance. Raises `SettingsError` for too few activations,
    and `MissingExtra` where umap-learn is not installed.
    """
    if len(vectors) < LEAST_ACTIVATIONS:
        raise SettingsError(
            f"{len(vectors)} activations are too few to lay out; expected at least {LEAST_ACTIVATIONS}: "
            "give more photos, more samples, or a lower layer"
        )
    umap = import_umap()
    reducer = umap.UMAP(
        n_neighbors=NEIGHBORS, min_dist=MIN_DISTANCE, metric="cosine", random_state=seed % 2**32, n_jobs=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below it, about what they do themselves
        laid = np.asarray(reducer.fit_transform(vectors.numpy()), dtype=np.float64)
    low, high = np.percentile(laid, [OUTLIERS, 100 - OUTLIERS], axis=0)
    places: Tensor = torch.from_numpy(((laid - low) / np.maximum(high - low, 1e-12)).clip(0, 1))
    return places


def divide_plane(samples: Samples, places: Float[Tensor, "n 2"], side: int, least: int) -> list[AtlasCell]:
    """The cells of a grid of `side` x `side` in which at least so many activations lie, row by row.

    The direction of a cell is the mean of its activations, whitened. Raises `SettingsError` where none is left.
    """
    columns, rows = ((places * side).long().clamp(0, side - 1)).T.tolist()
    inside: dict[tuple[int, int], list[int]] = {}
    for number, place in enumerate(zip(rows, columns, strict=True)):
        inside.setdefault(place, []).append(number)
    kept = {place: numbers for place, numbers in sorted(inside.items()) if len(numbers) >= least}
    if not kept:
        most = max(map(len, inside.values()))
        raise SettingsError(f"least is {least}, and no cell has more than {most} activations: say less, or fewer cells")
    means = torch.stack([samples.vectors[numbers].mean(0) for numbers in kept.values()])
    directions = whiten(means, samples.vectors)
    labels = [find_strongest([samples.effects[each] for each in numbers], LABELS) for numbers in kept.values()]
    return [
        AtlasCell(*place, len(numbers), direction, tuple(classes))
        for (place, numbers), direction, classes in zip(kept.items(), directions, labels, strict=True)
    ]


def whiten(means: Float[Tensor, "m c"], vectors: Float[Tensor, "n c"]) -> Float[Tensor, "m c"]:
    """The means times the inverse of the second moments of all vectors: what sets a cell apart from the others.

    Where there are few vectors for so many channels, the moments are drawn towards equal ones (shrinkage).
    """
    vectors = vectors.double()
    count, channels = vectors.shape
    moments = vectors.T @ vectors / count  # (c, c)
    share = channels / (count + channels)
    level = moments.trace() / channels
    mixed = (1 - share) * moments + share * level * torch.eye(channels, dtype=torch.float64)
    whitened: Tensor = torch.linalg.solve(mixed, means.double().T).T.float()
    return whitened


def count_cells(activations: int) -> int:
    """How many cells a side unless told: about a dozen activations to a cell, 4 to 24 a side."""
    return max(4, min(24, round(math.sqrt(activations / 12))))


def require_umap() -> None:
    """Raises `MissingExtra` where umap-learn is not installed: at the start of the work, and without loading it."""
    if importlib.util.find_spec("umap") is None:
        raise MissingExtra("an activation atlas", "analysis")


def import_umap() -> Any:
    """The package umap; raises `MissingExtra` where it is not installed."""
    with warnings.catch_warnings(), hide_tensorflow():
        warnings.simplefilter("ignore")  # numba's and that TensorFlow is not there
        try:
            return importlib.import_module("umap")
        except ImportError:
            raise MissingExtra("an activation atlas", "analysis") from None


@contextmanager
def hide_tensorflow() -> Iterator[None]:
    """Within the block TensorFlow is not found, unless it is loaded already.

    umap loads it for a class that is not needed here: that takes seconds, and after torch it may crash the process.
    """
    hidden = "tensorflow" not in sys.modules
    if hidden:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]  # how the import system is told so
    try:
        yield
    finally:
        if hidden:
            sys.modules.pop("tensorflow", None)


def describe_classes(classes: Sequence[int], names: Sequence[str]) -> list[str]:
    """The classes of a cell by their first names, by number where there is none."""
    return [names[number].split(", ")[0] if number < len(names) else str(number) for number in classes]
