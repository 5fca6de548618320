"""The activations of many photos at random places, and which classes they speak for."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageFileError, ImageTooSmall, SettingsError
from reverie.gradient.base import compute_activations
from reverie.image.reading import read_photo
from reverie.image.resample import call_at_accepted_size, limit_longest_side
from reverie.models.layer_gradient import pull_back_to_layer
from reverie.types import Image, Model

log = logging.getLogger("reverie")

CLASSES_EACH = 3
"""For how many of a photo's likeliest classes it is asked what its places add to them."""

Effects = Mapping[int, float]
"""What one place of a photo adds to the logits of some classes, by the class's number."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Activation vectors (n, c) of a layer, none of them zero, and for each the photo and what it adds to classes."""

    vectors: Float[Tensor, "n c"]
    photos: tuple[Path, ...]
    """The photo of each vector."""
    effects: tuple[Effects, ...]
    skipped: Mapping[str, str]
    """The files that gave none, and why."""


def find_photos(named: Sequence[Path]) -> list[Path]:
    """The files that are named, and those within the folders that are, in order; hidden ones are none.

    Raises `ImageFileError` for one that does not exist, and where there is none.
    """
    found: list[Path] = []
    for path in named:
        if not path.exists():
            raise ImageFileError(f"{path} does not exist; expected photos, or a folder of photos")
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        found += [each for each in inside if not each.name.startswith(".")]
    if not found:
        raise ImageFileError(f"there are no files in {', '.join(map(str, named))}; expected photos")
    return list(dict.fromkeys(found))


def sample_photos(
    model: Model, layer: str, photos: Sequence[Path], per_photo: int, size: int, seed: int
) -> Iterator[tuple[Path, Samples]]:
    """The samples of each photo in turn; of one that cannot be read, or is too small, none, with a word to the log."""
    for path in photos:
        try:
            opened = read_photo(path)
            small = limit_longest_side(opened.image, size).to(model.device)
            chance = torch.Generator().manual_seed(mix_seed(seed, opened.digest))
            vectors, effects = call_at_accepted_size(
                lambda image: sample_image(model, layer, image, per_photo, chance),  # noqa: B023  # called at once
                small,
            )
            yield path, Samples(vectors, (path,) * len(vectors), tuple(effects), {})
        except (ImageFileError, ImageTooSmall) as error:
            log.warning("left out: %s", error if str(path) in str(error) else f"{path}: {error}")
            yield path, Samples(torch.zeros(0, 0), (), (), {str(path): str(error)})


def join_samples(parts: Sequence[Samples]) -> Samples:
    """All samples as one. Raises `SettingsError` where there are photos too few, or activations too few."""
    some = [part for part in parts if len(part.vectors)]
    skipped = {name: why for part in parts for name, why in part.skipped.items()}
    if len(some) < 2:
        what = "no photo" if not some else f"one photo ({some[0].photos[0]})"
        more = f"; {len(skipped)} could not be read" if skipped else ""
        raise SettingsError(f"an activation atlas of {what}{more}: it shows what many have in common, give it more")
    return Samples(
        torch.cat([part.vectors for part in some]),
        tuple(path for part in some for path in part.photos),
        tuple(each for part in some for each in part.effects),
        skipped,
    )


def sample_image(
    model: Model, layer: str, image: Image, count: int, chance: torch.Generator
) -> tuple[Float[Tensor, "n c"], list[Effects]]:
    """At most `count` activation vectors of an image (1, 3, h, w) at places drawn by chance, and their effects."""
    with torch.no_grad():
        maps = compute_activations(model, image, [layer])[layer].float()  # (1, c, y, x)
    vectors = maps[0].flatten(1).T  # (y * x, c)
    drawn = torch.randperm(len(vectors), generator=chance)[:count]
    drawn = drawn[vectors[drawn].any(1).cpu()].to(vectors.device)  # what answers nothing has no direction
    effects = find_effects(model, layer, image, maps)
    return vectors[drawn].cpu(), [{number: float(each[place]) for number, each in effects.items()} for place in drawn]


def find_effects(model: Model, layer: str, image: Image, maps: Float[Tensor, "1 c y x"]) -> dict[int, Tensor]:
    """What each place adds, to first order, to the logits of the image's likeliest classes: {class: (y * x,)}.

    Empty for a network without a classifier, or a layer above it.
    """
    classes = getattr(model, "classes", None)
    if classes is None or model.layers.index(layer) >= model.layers.index(classes):
        return {}
    with torch.no_grad():
        scores = model(image, [classes])[classes].float()  # (1, n, y, x): the logits are their mean over the places
    best = scores.mean((2, 3))[0].topk(min(CLASSES_EACH, scores.shape[1])).indices.tolist()
    found = {}
    for number in best:
        grad = torch.zeros_like(scores)
        grad[:, number] = 1 / (scores.shape[2] * scores.shape[3])
        found[number] = (pull_back_to_layer(model, image, layer, {classes: grad}) * maps).sum(1).flatten()
    return found


def find_strongest(effects: Sequence[Effects], most: int) -> list[int]:
    """The classes that some vectors together add most to, the first of all first; none to which they add nothing."""
    total: Counter[int] = Counter()
    for each in effects:
        total.update(each)
    return [number for number, value in total.most_common(most) if value > 0]


def mix_seed(seed: int, digest: str) -> int:
    """The seed of one photo, whatever order the photos come in."""
    return int(hashlib.sha256(f"{seed} {digest}".encode()).hexdigest()[:15], 16)
