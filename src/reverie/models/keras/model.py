"""A Keras network as a `Model`: TensorFlow runs it, torch differentiates through it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError, SizeRefused, UnknownLayer, WordingError
from reverie.models.keras.bridge import KerasFunction, calm_torch_threads, pull_back_recorded
from reverie.models.keras.engine import import_tensorflow, shorten_error
from reverie.models.keras.files import read_keras_network
from reverie.models.keras.graphs import SplitGraph
from reverie.models.keras.layers import NetworkLayers, find_layers
from reverie.models.keras.networks import build_keras_network
from reverie.models.keras.pictures import (
    PictureInput,
    Preprocessing,
    choose_preprocessing,
    make_preprocessing,
    read_input,
)
from reverie.models.keras.recording import name_layers, record_outputs
from reverie.models.weights import hash_weights_file
from reverie.types import AcceptedSizes, Image

MAX_CACHED_GRAPHS = 16
"""The number of sets of layers whose graphs are cached; the least recently used one is dropped first."""


def load_keras(name: str, weights: str | Path | None = None, seed: int = 0) -> KerasModel:
    """Load a network of keras.applications as a model, with its top where the weights have one.

    `name` is "inception_v3" or "keras:" and a constructor's name ("keras:ResNet50"); `weights` is None (Keras's own,
    from its cache or its server), "random" (drawn with `seed`), or a file: .h5 in Keras 2's layout, .weights.h5 or
    .keras. Raises `UnknownName`, `WeightsError`, and `MissingExtra` where TensorFlow is not installed.
    """
    network, preprocess = build_keras_network(name, weights, seed)
    return KerasModel(network, name, preprocess)


def load_keras_file(path: Path, weights: Path | None = None) -> KerasModel:
    """Load a whole Keras model from a file, .keras or .h5, as a model; `weights`: a file of other weights for it.

    Its digest is that of the file, or of the file of weights. See `read_keras_network` for what is raised.
    """
    network = read_keras_network(path, weights)
    return KerasModel(network, str(path), digest=hash_weights_file(weights or path))


class KerasModel:
    """A Keras network whose activations torch can differentiate.

    `network` is a built `keras.Model` of any kind with one picture for its input: three channels, or one, which is
    given the luminance. `preprocess` is what it expects: "tf" (-1..1), "caffe" (BGR, 0..255, means subtracted), "torch"
    (ImageNet mean and deviation), "raw" (0..255), "unit" (0..1), or a function of a (b, h, w, c) tensor 0..255, such as
    the `preprocess_input` of its module in keras.applications. None: "raw" where it rescales or normalizes by itself,
    else what the network of keras.applications within it expects, else "unit".
    It runs where TensorFlow places it (a GPU that TensorFlow sees), but takes and returns tensors on the CPU; it is
    always in inference mode and float32. Its gradient cannot be differentiated again.
    """

    device = torch.device("cpu")
    precision = "float32"

    def __init__(
        self,
        network: Any,
        name: str,
        preprocess: str | Preprocessing | None = None,
        digest: str | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        """`digest`: SHA-256 of the weights' file; None: computed from the weights when it is asked for.

        `class_names`: of the channels of its logits; None: ImageNet's where there are 1000, else none.
        Raises `MissingExtra`, and `SettingsError` where Keras has another backend or format than TensorFlow's, and for
        a network that takes no picture or has no layer to read.
        """
        import_tensorflow()
        calm_torch_threads(torch.get_num_threads())
        self._digest = digest
        self.name = name
        self._network = network
        self._picture, self._found = find_picture_and_layers(network, name)
        self.fed = (
            preprocess if preprocess is not None else choose_preprocessing(self._found.seen, list_models(network))
        )
        self._preprocess = make_preprocessing(self.fed)
        self._graphs: dict[tuple[Any, ...], SplitGraph] = {}
        self.classes = self._found.classes
        self.class_count = self._found.shapes[self.classes][1] if self.classes else None
        self.accepted_sizes = AcceptedSizes(self._found.size) if self._found.one_size else None
        self.class_names = check_class_names(class_names, self.class_count, name)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers by Keras's names, in order of execution; one within another is called "outer/inner".

        Of a layer that is called again, the further calls are "name.2", "name.3", .... A classifier's last one is
        "logits", the score of every class before the softmax.
        """
        return tuple(self._found.grids)

    @property
    def other_layers(self) -> Mapping[str, str]:
        """The layers whose output cannot be read, and what it is, in words."""
        return self._found.others

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights' file if it was given, else over the bytes of all weights, in Keras's order."""
        if self._digest is not None:
            return self._digest
        hashed = hashlib.sha256()
        for weight in self._network.weights:
            hashed.update(weight.numpy().tobytes())
        return hashed.hexdigest()

    @property
    def strides(self) -> dict[str, int]:
        """The strides in pixels of the layers that end a block by adding or concatenating its branches.

        Of all layers with more than one place in a network without branches.
        """
        strides = {name: grid.stride for name, grid in self._found.grids.items() if grid.stride}
        joins = {name for name, layer in name_layers(self._network).items() if joins_branches(layer)}
        return {name: stride for name, stride in strides.items() if name in joins} or strides

    @property
    def parameters(self) -> Mapping[str, tuple[int, int]]:
        """The {layer: (trainable, non-trainable)} parameters of the layers that have any, as Keras counts them."""
        counts = {
            layer.name: (count_numbers(layer.trainable_weights), count_numbers(layer.non_trainable_weights))
            for layer in self._network.layers
        }
        return {name: both for name, both in counts.items() if any(both)}

    def __call__(self, image: Image, layers: Collection[str]) -> dict[str, Float[Tensor, "b _ _ _"]]:
        """The activations (b, c, h, w) of `layers`, attached to the autograd graph of `image` (b, 3, h, w), 0..1.

        Raises `UnknownLayer`, `ImageTooSmall` where a layer would have no place left, and `SizeRefused` for another
        size that the layers do not take.
        """
        for layer in layers:
            if layer not in self._found.grids:
                raise UnknownLayer(self, layer)
        if not layers:
            return {}
        wanted = tuple(layer for layer in self._found.grids if layer in set(layers))
        height, width = image.shape[2:]
        graph = self._find_graph(wanted, image)
        if (height, width) not in graph.sizes:
            self._check_size(graph, wanted, height, width)
            graph.sizes.add((height, width))
        outputs = self._run(graph, image)
        maps = zip(wanted, outputs, strict=True)
        return {name: self._found.grids[name].to_maps(output, (height, width)) for name, output in maps}

    def _run(self, graph: SplitGraph, image: Image) -> tuple[Tensor, ...]:
        """The raw outputs of a graph's layers. Raises `SettingsError` where TensorFlow cannot compute them."""
        errors = import_tensorflow().errors
        try:
            outputs: tuple[Tensor, ...] = KerasFunction.apply(image, graph)
        except (errors.InvalidArgumentError, errors.UnimplementedError) as error:
            if image.shape[2:] != self._found.size:  # a size that does not fit only once it is computed
                raise self._refuse(image.shape[2], image.shape[3], error) from error
            raise SettingsError(f"TensorFlow cannot compute {self.name}: {shorten_error(error)}") from error
        return outputs

    def logits(self, image: Image) -> Float[Tensor, "b n"]:
        """The score of every class before the softmax, for images (b, 3, h, w), 0..1. Raises `WordingError`."""
        if self.classes is None:
            raise WordingError(f"{self.name} has no classifier")
        return self(image, [self.classes])[self.classes].flatten(1)

    def pull_back_to_layer(self, image: Image, layer: str, grads: Mapping[str, Tensor]) -> Tensor:
        """The gradient at a layer of what `grads` are given for: see `models.layer_gradient.pull_back_to_layer`."""

        def record(x: Any, names: Collection[str]) -> Mapping[str, Any]:
            return record_outputs(self._network, self._picture.convert(x * 255.0, self._preprocess), tuple(names))

        return pull_back_recorded(record, self._found.grids, image, layer, grads)

    def _find_graph(self, wanted: tuple[str, ...], image: Image) -> SplitGraph:
        """The graph that computes these layers and nothing above the highest of them, traced once and cached."""
        if self._found.one_size & set(wanted) and image.shape[2:] != self._found.size:
            raise self._refuse(image.shape[2], image.shape[3])
        fixed = (*wanted, tuple(image.shape))
        key = fixed if fixed in self._graphs else wanted
        graph = self._graphs.pop(key, None)
        if graph is None:
            key, graph = self._trace_graph(wanted, image)
        self._graphs[key] = graph  # at the end of the dict: the most recently used
        while len(self._graphs) > MAX_CACHED_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        return graph

    def _trace_graph(self, wanted: tuple[str, ...], image: Image) -> tuple[tuple[Any, ...], SplitGraph]:
        """Trace the graph of these layers, from an image 0..1, and say under which key it is cached."""
        ranks = [len(self._found.shapes[layer]) for layer in wanted]
        # None for height and width: any size runs through one trace, as fast as through one made for that size.
        size = self._found.size if self._found.one_size & set(wanted) else (None, None)
        try:
            return wanted, SplitGraph(lambda x: self._compute(x, wanted), (None, *size, 3), ranks)
        except Exception:  # code of the user's own that reckons with the numbers of a shape: a trace for each shape
            shape = (image.shape[0], *image.shape[2:], 3)
        try:
            return (*wanted, tuple(image.shape)), SplitGraph(lambda x: self._compute(x, wanted), shape, ranks)
        except Exception as error:
            if image.shape[2:] == self._found.size:
                raise SettingsError(f"{self.name} cannot be differentiated: {shorten_error(error)}") from error
            raise self._refuse(image.shape[2], image.shape[3], error) from error

    def _compute(self, x: Any, wanted: tuple[str, ...]) -> list[Any]:
        """The outputs of these layers in float32, within a trace, for images (b, h, w, 3), 0..1."""
        tf = import_tensorflow()
        outputs = record_outputs(self._network, self._picture.convert(x * 255.0, self._preprocess), wanted)
        return [tf.cast(outputs[layer], tf.float32) for layer in wanted]

    def _refuse(self, height: int, width: int, error: Exception | None = None) -> SizeRefused:
        """The error for a size that these layers do not take."""
        why, size = f" ({shorten_error(error)})" if error else "", self._found.size
        return SizeRefused(
            f"{self.name} does not take a picture of {width} x {height} pixels{why}: it takes {size[1]} x {size[0]}",
            size,
        )

    def _check_size(self, graph: SplitGraph, wanted: tuple[str, ...], height: int, width: int) -> None:
        """Raise an error unless the layers take an image of that size, by TensorFlow's shape inference.

        TensorFlow itself would log to stderr, or compute nonsense (oneDNN, for a size of zero).
        """
        if (height, width) == self._found.size:
            return
        try:
            graph.infer_shapes(height, width)
        except ValueError as error:
            if "zero " not in str(error) and "egative" not in str(error):  # such as an addition of maps of two sizes
                raise self._refuse(height, width, error) from error
            raise ImageTooSmall(
                f"a picture of {width} x {height} pixels is too small for {wanted[-1]} of {self.name}; "
                "enlarge it or look lower"
            ) from error


def find_picture_and_layers(network: Any, name: str) -> tuple[PictureInput, NetworkLayers]:
    """Find what picture a network takes, and its layers. Raises `SettingsError`."""
    if not network.built:
        raise SettingsError(
            f"{name} has no weights yet: call it on a picture once, or give it a keras.Input, then wrap it"
        )
    own = read_input(network, name)
    if own is not None and own.layout == "NCHW" and not import_tensorflow().config.list_physical_devices("GPU"):
        way = "build it with data_format='channels_last', which its weights fit as they are"
        raise SettingsError(f"{name} computes with channels first, which TensorFlow does on a GPU alone: {way}")
    if own is not None:
        return own, find_layers(network, own, name)
    try:
        return PictureInput(), find_layers(network, PictureInput(), name)
    except SettingsError as error:  # a subclassed model declares no input: one for gray pictures, perhaps
        try:
            return PictureInput(channels=1), find_layers(network, PictureInput(channels=1), name)
        except SettingsError:
            raise error from None


def list_models(network: Any) -> list[str]:
    """The names of a network and of the models within it, as their makers called them."""
    import keras

    return [network.name, *(layer.name for layer in name_layers(network).values() if isinstance(layer, keras.Model))]


def check_class_names(names: Sequence[str] | None, count: int | None, name: str) -> tuple[str, ...] | None:
    """Check that there is a name for each class. Raises `SettingsError`."""
    if names is not None and len(names) != count:
        classes = f"{count} classes" if count else "no classifier, so no classes"
        raise SettingsError(f"class_names holds {len(names)} names, and {name} has {classes}")
    return tuple(names) if names is not None else None


def joins_branches(layer: Any) -> bool:
    """Whether a layer adds or concatenates branches; a gate, which multiplies, does not count."""
    import keras

    return isinstance(layer, (keras.layers.Add, keras.layers.Concatenate))


def count_numbers(weights: list[Any]) -> int:
    """Count the numbers in a list of Keras's weights."""
    return sum(int(weight.shape.num_elements()) for weight in weights)
