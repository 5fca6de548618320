"""What a visualization is made of: its settings, and the objects that they name or that were given in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias, TypedDict, get_args

import torch

from reverie.ascent.cppn import CPPN
from reverie.ascent.maco import MACO
from reverie.ascent.optimizers import OptimizerFactory
from reverie.ascent.param import FourierImage, Param, PixelImage
from reverie.ascent.pyramids import LAPLACIAN, LOW_RES, PyramidImage
from reverie.ascent.transform_words import format_transforms, read_transforms
from reverie.ascent.transforms import Jitter, Rotate, Transform
from reverie.errors import SettingsError
from reverie.image.arrays import open_image
from reverie.image.resample import image_size, resize, scale_size
from reverie.settings import VisualSettings
from reverie.settings.size import AnySize, find_canvas_size
from reverie.settings.visual import OptimizerName, Parametrization, check_replaced
from reverie.types import Image, ResizedImage

OBJECTS = ("param", "transforms", "optimizer")
"""The settings in whose place objects may be given."""

AnyPicture: TypeAlias = Any
"""Whatever `open_image` takes."""


class VisualOptions(TypedDict, total=False):
    """What `visualize` takes by name: the fields of `VisualSettings`, objects in the place of some, and `start`."""

    size: AnySize
    steps: int
    step_size: float
    param: Parametrization | Param
    decay: float
    jitter: int
    rotation: float
    scaling: float
    seed: int
    transforms: str | Sequence[Transform] | None
    draws: int
    optimizer: OptimizerName | OptimizerFactory
    alpha: bool
    shared: float
    start: AnyPicture


@dataclass(frozen=True, eq=False)
class Pieces:
    """A visualization's settings as objects."""

    settings: VisualSettings
    """With the words of every object that has words."""
    param: Param
    transforms: tuple[Transform, ...]
    optimizer: str | OptimizerFactory
    start: Image | None = None
    """The photograph (1 or b, 3, h, w) that the pictures begin as, of the param's size; None: noise."""
    given: ResizedImage | None = None
    """The photograph as it was given."""
    unnamed: tuple[str, ...] = ()
    """The settings whose objects no words say: a recipe cannot hold them."""


def collect_pieces(settings: VisualSettings | None, options: VisualOptions) -> Pieces:
    """The pieces of a visualization, from settings and what was said by name.

    Raises `UnknownName` for a name that is none, `SettingsError` for a value out of bounds or two that exclude each
    other, `ImageFileError` for a start that is no picture.
    """
    named: dict[str, Any] = dict(options)
    start = named.pop("start", None)
    objects = {name: named.pop(name) for name in OBJECTS if not isinstance(named.get(name), (str, type(None)))}
    check_objects(settings, objects)
    if "param" in objects and "size" in named:
        raise SettingsError("the param has a size of its own: leave size out, or name the param, as in param='cppn'")
    own = VisualSettings.of({**asdict(settings or VisualSettings()), **named})
    given = None if start is None else open_image(start)
    param = objects.get("param") or make_param(own, find_size(own, given))
    if "transforms" in objects:
        check_replaced(own)
    transforms = tuple(objects["transforms"]) if "transforms" in objects else make_transforms(own)
    own, unnamed = say_objects(own, objects)
    photo = None if given is None else resize(given, find_picture_size(param)).clamp(0, 1)
    return Pieces(own, param, transforms, objects.get("optimizer", own.optimizer), photo, given, unnamed)


def check_objects(settings: Any, objects: dict[str, Any]) -> None:
    """Raises `SettingsError` for settings of another kind, and for objects that cannot do what is asked of them."""
    if not isinstance(settings, (VisualSettings, type(None))):
        raise SettingsError(f"settings is of the type {type(settings).__name__}; expected rv.VisualSettings(steps=64)")
    transforms = objects.get("transforms", ())
    if not isinstance(transforms, Sequence) or not all(map(callable, transforms)):
        raise SettingsError(f"transforms is {transforms!r}; expected a list, as in [rv.Jitter(8), rv.Rotate(15)]")
    for name, example in (("param", "rv.CPPN((48, 48))"), ("optimizer", "torch.optim.RMSprop")):
        if name in objects and not callable(objects[name]):
            raise SettingsError(f"{name} is {objects[name]!r}; expected a word, or an object such as {example}")


def find_size(settings: VisualSettings, photo: Image | None) -> tuple[int, int]:
    """The (height, width) of the pictures: a number is the longest side of a photograph, or the side of a square."""
    if photo is None or not isinstance(settings.size, int):
        return find_canvas_size(settings.size)
    return scale_size(image_size(photo), settings.size)


def find_picture_size(param: Param) -> tuple[int, int]:
    """The (height, width) of the pictures that a param makes."""
    with torch.no_grad():
        return image_size(param(param.start(torch.Generator())))


def make_param(settings: VisualSettings, size: tuple[int, int]) -> Param:
    """The parameterization that the settings name, for pictures of a (height, width)."""
    name, alpha = settings.param, settings.alpha
    if name == "pixel":
        return PixelImage(size, alpha)
    if name == "lowres":
        return PyramidImage(size, LOW_RES, alpha)
    if name == "laplacian":
        return PyramidImage(size, tuple(each for each in LAPLACIAN if each < min(size)), alpha)
    if name == "cppn":
        return CPPN(size, alpha=alpha)
    if name == "maco":
        return MACO(size, settings.decay, alpha)
    return FourierImage(size, settings.decay, alpha)


def make_transforms(settings: VisualSettings) -> tuple[Transform, ...]:
    """The random transforms before each forward pass; unless told, a rotation between two shifts, as in lucid."""
    if settings.transforms is not None:
        return read_transforms(settings.transforms)
    shift, shift_again = Jitter(settings.jitter), Jitter(settings.jitter // 2)
    if not settings.rotation and not settings.scaling:
        return (shift,)
    return shift, Rotate(settings.rotation, settings.scaling), shift_again


def say_objects(settings: VisualSettings, objects: dict[str, Any]) -> tuple[VisualSettings, tuple[str, ...]]:
    """The settings with the words of the objects, and the names of those settings whose objects have none."""
    unnamed = []
    for name, value in objects.items():
        said = SAY[name](settings, value)
        if said is None:
            unnamed.append(name)
        else:
            settings = said
    return settings, tuple(unnamed)


def say_transforms(settings: VisualSettings, transforms: Sequence[Transform]) -> VisualSettings | None:
    """The settings with the words of transforms; None for a function of one's own."""
    words = format_transforms(transforms)
    return None if words is None else replace(settings, transforms=words)


def say_optimizer(settings: VisualSettings, optimizer: OptimizerFactory) -> VisualSettings | None:
    """The settings with the name of an optimizer; None for one that has none."""
    return replace(settings, optimizer="nadam") if optimizer is torch.optim.NAdam else None


def say_param(settings: VisualSettings, param: Param) -> VisualSettings | None:
    """The settings whose param is this one; None where no settings have it."""
    size = getattr(param, "size", None)
    if size is None:
        return None
    told = {name: getattr(param, name) for name in ("decay", "alpha") if hasattr(param, name)}
    for name in get_args(Parametrization):
        candidate = replace(settings, param=name, size=size if size[0] != size[1] else size[0], **told)
        if make_param(candidate, size) == param:
            return candidate
    return None


SAY: dict[str, Callable[[VisualSettings, Any], VisualSettings | None]] = {
    "param": say_param,
    "transforms": say_transforms,
    "optimizer": say_optimizer,
}
"""For each of `OBJECTS` how it is said in words."""
