"""The attribution of a photo, from what was asked for to the picture and the numbers beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reverie.analysis.attribution.methods import (
    METHODS,
    Question,
    attribute,
    choose_objective,
    differentiate_at_layer,
)
from reverie.analysis.beside import place_picture
from reverie.errors import SettingsError, UnknownName
from reverie.image.reading import read_photo
from reverie.image.resample import call_at_accepted_size, limit_longest_side
from reverie.jobs.caption import SEEN_SIDE, Likelihood, find_likeliest
from reverie.jobs.networks import Networks
from reverie.models.spec import ModelSpec
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.settings.attribution import AttributionSettings
from reverie.types import Image

AT_LAYER = ("grad-cam", "channels")
"""The methods that look at a layer."""

LISTED = 20
"""How many of the strongest channels are written down."""

MADE_HERE = "reverie attribute"
"""What our files of numbers say of themselves; others are not written over."""


@dataclass(frozen=True)
class AttributionRequest:
    """What is asked of a photo. `size`: the longest side in pixels at which it is looked at."""

    objective: str | None = None
    method: str = "saliency"
    layer: str | None = None
    size: int = SEEN_SIDE
    model: ModelSpec = field(default_factory=ModelSpec)
    settings: AttributionSettings = field(default_factory=AttributionSettings)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownName("method of attribution", self.method, METHODS)
        if self.layer is not None and self.method not in AT_LAYER:
            raise SettingsError(f"{self.method} looks at the pixels: leave out the layer, or take grad-cam or channels")
        if self.size < 1:
            raise SettingsError(f"size is {self.size}; expected at least 1")


@dataclass(frozen=True, eq=False)
class Explanation:
    """The attribution of one photo.

    `values`: the map (h, w), or of "channels" a map for each channel on the layer's own grid (c, y, x), whose sums are
    the channels' values. `seen`: the likeliest class, where the network has any.
    """

    photo: str
    digest: str
    request: AttributionRequest
    objective: str
    layer: str | None
    image: Image
    values: Tensor
    score: float
    baseline_score: float
    seen: Likelihood | None
    network: tuple[str, str]
    """Its name and the digest of its weights."""

    @property
    def channels(self) -> list[tuple[int, float]]:
        """The strongest channels with their values, the largest magnitude first; empty for a map."""
        if self.values.ndim == 2:
            return []
        sums = self.values.sum((1, 2))
        best = sums.abs().topk(min(LISTED, len(sums))).indices.tolist()
        return [(number, float(sums[number])) for number in best]

    def as_dict(self) -> dict[str, Any]:
        """Everything in numbers and words, for JSON."""
        height, width = self.image.shape[-2:]
        told: dict[str, Any] = {
            "made_by": MADE_HERE,
            "photo": self.photo,
            "photo_sha256": self.digest,
            "model": self.network[0],
            "model_sha256": self.network[1],
            "objective": self.objective,
            "method": self.request.method,
            "layer": self.layer,
            "width": width,
            "height": height,
            "score": self.score,
            "sum": float(self.values.sum()),
            "settings": self.request.settings.as_dict(),
        }
        if self.seen:
            told["class"] = {"name": self.seen.name, "number": self.seen.number, "probability": self.seen.probability}
        if self.request.method == "integrated-gradients":
            told["baseline_score"] = self.baseline_score
            told["completeness_error"] = told["sum"] - (self.score - self.baseline_score)
        if self.channels:
            return told | {"channels": [{"channel": number, "value": value} for number, value in self.channels]}
        peak = int(self.values.argmax())
        return told | {"peak": {"x": peak % width, "y": peak // width, "value": float(self.values.max())}}


def explain_photo(photo: Path | None, request: AttributionRequest, models: Networks | None = None) -> Explanation:
    """Attributes a photo, or the bundled one, at the request's size, or at the one that the network takes.

    Raises what `attribute` raises, and `ImageFileError` for a photo that cannot be read.
    """
    name = EXAMPLE if photo is None else str(photo)
    opened = read_photo(input_path(name))
    words = None if request.objective is None else parse_objective(request.objective)
    model = (models or Networks()).load(request.model, request.settings.seed)
    small = limit_longest_side(opened.image, request.size).to(model.device)

    def explain(image: Image) -> Explanation:
        wish = words or choose_objective(model, image)
        question = Question(model, image, wish.resolved(model), request.layer, request.settings)
        layer = request.layer
        if request.method in AT_LAYER:
            at = differentiate_at_layer(question)
            layer = at.name
        if request.method == "channels":
            values = (at.activations * at.grad)[0]
        else:
            values = attribute(model, image, wish, request.method, layer, request.settings)[0]
        with torch.no_grad():
            score, bare = (float(question.score(each)) for each in (image, question.baseline))
        seen = find_likeliest(model, image, 1)[0] if getattr(model, "classes", None) else None
        network = model.name, model.digest
        where = request, str(wish), layer, image.cpu(), values.detach().cpu()
        return Explanation(name, opened.digest, *where, score, bare, seen, network)

    return call_at_accepted_size(explain, small)


def place_attribution(photo: Path | None, request: AttributionRequest, output: Path | None) -> Path:
    """Where the picture goes; raises `ImageFileError` where it, or the file of numbers beside it, cannot."""
    path = input_path(EXAMPLE) if photo is None else photo
    return place_picture(output, f"{path.stem}-{request.method}", [path], MADE_HERE)
