"""What a Keras network is fed: the layout of its input, its color channels, and the range of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reverie.errors import SettingsError, UnknownName
from reverie.models.keras.engine import import_tensorflow

Preprocessing = Callable[[Any], Any]
"""Turns images (b, h, w, c), 0..255, into what a network expects."""

LUMINANCE = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in a gray picture, as Keras and PIL convert one (ITU-R BT.601)."""

MODES = {
    "tf": "-1..1",
    "caffe": "0..255 less the means of ImageNet, blue first",
    "torch": "0..1 less the mean of ImageNet, by its deviation",
    "raw": "0..255",
    "unit": "0..1",
}
"""What a network of each mode is fed; the first three are Keras's."""

BASE_MODES = {
    "inception": "tf",
    "resnet50v2": "tf",
    "resnet101v2": "tf",
    "resnet152v2": "tf",
    "resnet": "caffe",
    "vgg": "caffe",
    "mobilenet": "tf",
    "xception": "tf",
    "nasnet": "tf",
    "densenet": "torch",
}
"""The modes of the families of keras.applications that do not rescale pictures by themselves, by their names."""


@dataclass(frozen=True)
class PictureInput:
    """The input of a network that takes pictures: its height and width (None: any), its color channels, its layout.

    `layout`: "NHWC", "NCHW" (channels first), or "NHW", which has no axis for its one channel.
    """

    height: int | None = None
    width: int | None = None
    channels: int = 3
    layout: str = "NHWC"

    def convert(self, x: Any, preprocess: Preprocessing | None = None) -> Any:
        """Bring images (b, h, w, 3) to the network's channels (one: the luminance), preprocessing and layout."""
        tf = import_tensorflow()
        if self.channels == 1:
            x = tf.tensordot(x, tf.constant(LUMINANCE, x.dtype, (3, 1)), 1)
        x = preprocess(x) if preprocess else x
        if self.layout == "NHW":
            return x[..., 0]
        return tf.transpose(x, (0, 3, 1, 2)) if self.layout == "NCHW" else x


def read_input(network: Any, name: str) -> PictureInput | None:
    """The picture that a network takes, from its own declaration; None where it declares none (a subclassed model).

    Raises `SettingsError` where it takes something else than one picture.
    """
    try:
        inputs = network.inputs
    except (AttributeError, ValueError):  # not built yet
        inputs = None
    if not inputs:
        return None
    if len(inputs) > 1:
        names = ", ".join(each.name for each in inputs)
        raise SettingsError(
            f"{name} takes {len(inputs)} inputs ({names}), and a dream has one picture: wrap the part that sees it, "
            f"keras.Model(model.inputs[0], model.get_layer(LAYER).output)"
        )
    return parse_input_shape(tuple(inputs[0].shape), name)


def parse_input_shape(shape: tuple[int | None, ...], name: str) -> PictureInput:
    """The picture of an input's shape, whose first axis is the batch. Raises `SettingsError`."""
    if len(shape) == 3:
        return PictureInput(shape[1], shape[2], 1, "NHW")
    if len(shape) == 4 and shape[3] in (1, 3):
        return PictureInput(shape[1], shape[2], shape[3])
    if len(shape) == 4 and shape[1] in (1, 3):
        return PictureInput(shape[2], shape[3], shape[1], "NCHW")
    sides = " x ".join("any" if side is None else str(side) for side in shape[1:])
    if len(shape) == 2:
        way = "put a Flatten layer before it, behind keras.Input((height, width, 1))"
    else:
        way = "put a layer before it that makes its input of a picture (height, width, 3)"
    raise SettingsError(f"{name} takes {sides} numbers, and a picture is height x width x 3, or 1 if gray: {way}")


def make_preprocessing(mode: str | Preprocessing) -> Preprocessing:
    """Make the function that turns images (b, h, w, c), 0..255, into what a network of that mode expects.

    `mode`: see `KerasModel`. Raises `UnknownName`.
    """
    import keras

    if callable(mode):
        return mode
    if mode not in MODES:
        raise UnknownName("preprocessing", mode, MODES)
    if mode in ("raw", "unit"):
        return lambda x: x / (255.0 if mode == "unit" else 1.0)
    return partial(keras.applications.imagenet_utils.preprocess_input, mode=mode)


def make_normalization(mean: Sequence[float], std: Sequence[float]) -> Preprocessing:
    """Make the preprocessing of a network whose images were normalized with these, on the scale 0..1.

    Of a gray network's three numbers their luminance is taken.
    """

    def normalize(x: Any) -> Any:
        both = [mean, std]
        if x.shape[-1] == 1 and len(mean) == 3:
            both = [[sum(weight * each for weight, each in zip(LUMINANCE, own, strict=True))] for own in both]
        return (x / 255.0 - both[0]) / both[1]

    return normalize


def choose_preprocessing(seen: tuple[float, float] | None, names: Sequence[str]) -> str:
    """Choose the mode of a network that does not say what it is fed: "raw", "unit", or that of a known base.

    `seen`: the least and the greatest number that its first layer with weights sees of a black and of a white picture,
    0..255; None: not known. `names`: of the network and of the models within it.
    """
    low, high = seen or (0.0, 255.0)
    if high - low > 300:  # it enlarges: made for 0..1
        return "unit"
    if abs(low) > 3 or abs(high - 255) > 3:  # it rescales or normalizes by itself
        return "raw"
    bases = [mode for name in names for base, mode in BASE_MODES.items() if base in name.lower().replace("_", "")]
    return bases[0] if bases else "unit"
