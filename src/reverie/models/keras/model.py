"""A Keras network as a `Model`: TensorFlow runs it, torch differentiates through it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import cache, cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.errors import ImageTooSmall, SettingsError, UnknownLayer
from reverie.models.keras.graphs import SplitGraph
from reverie.models.keras.networks import (
    build_keras_network,
    count_numbers,
    describe_layer_output,
    import_tensorflow,
    is_feature_map,
    joins_branches,
    make_preprocessing,
    shorten_error,
)
from reverie.models.second_derivative import differentiable_once, tie_to
from reverie.types import Image

STRIDES_AT = 224
"""The side in pixels of the image for which the strides of layers are computed, if the network takes any size."""

MAX_CACHED_GRAPHS = 16
"""The number of sets of layers whose graphs are cached; the least recently used one is dropped first."""


def load_keras(name: str, weights: str | Path | None = None, seed: int = 0) -> KerasModel:
    """Load a network of keras.applications, without its top, as a model.

    `name` is "inception_v3" or "keras:" and a constructor's name ("keras:ResNet50"); `weights` is None (Keras's own,
    from its cache or its server), "random" (drawn with `seed`), or a file: .h5 in Keras 2's layout, .weights.h5 or
    .keras. Raises `UnknownName`, `WeightsError`, and `MissingExtra` where TensorFlow is not installed.
    """
    network, preprocess = build_keras_network(name, weights, seed)
    return KerasModel(network, name, preprocess)


class KerasModel:
    """A Keras network whose activations torch can differentiate.

    `network` is a functional `keras.Model` with one RGB input, channels last; `preprocess` is what it expects:
    "tf" (-1..1), "caffe" (BGR, 0..255, means subtracted), "torch" (ImageNet mean and deviation), "raw" (0..255), or a
    function of a (b, h, w, 3) tensor 0..255, such as the `preprocess_input` of its module in keras.applications.
    It runs where TensorFlow places it (a GPU that TensorFlow sees), but takes and returns tensors on the CPU; it is
    always in inference mode. Its gradient cannot be differentiated again.
    """

    device = torch.device("cpu")
    precision = "float32"

    def __init__(
        self, network: Any, name: str, preprocess: str | Callable[[Any], Any] = "tf", digest: str | None = None
    ) -> None:
        """`digest`: SHA-256 of the weights' file; None: computed from the weights when it is asked for.

        Raises `MissingExtra`, and `SettingsError` where Keras has another backend or format than TensorFlow's.
        """
        import_tensorflow()
        _calm_torch_threads(torch.get_num_threads())
        self._digest = digest
        self.name = name
        self._network = network
        self._preprocess = make_preprocessing(preprocess)
        self._outputs = {layer.name: layer.output for layer in network.layers if is_feature_map(layer)}
        self._graphs: dict[tuple[str, ...], SplitGraph] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose output is a feature map (b, h, w, c), lowest first, by Keras's names."""
        return tuple(self._outputs)

    @property
    def other_layers(self) -> Mapping[str, str]:
        """The layers whose output is no feature map, and what it is, in words."""
        others = [layer for layer in self._network.layers if layer.name not in self._outputs]
        return {layer.name: f"it answers with {describe_layer_output(layer)}" for layer in others}

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

        Of all layers in a network without branches. Empty for a network that does not take images of `STRIDES_AT`.
        """
        height = self._network.inputs[0].shape[1] or STRIDES_AT
        wanted = tuple(name for name in self.layers if joins_branches(self._network.get_layer(name))) or self.layers
        try:
            shape = self._part(wanted).compute_output_shape((1, height, height, 3))
        except ValueError:  # NASNet adds maps whose sizes match for some image sizes only
            return {}
        shapes = shape if isinstance(shape, list) else [shape]  # Keras returns a single output without a list
        return {name: round(height / shape[1]) for name, shape in zip(wanted, shapes, strict=True)}

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

        Raises `UnknownLayer`, `ImageTooSmall` where a layer would have no place left, and `SettingsError` for another
        size that the network does not take.
        """
        for layer in layers:
            if layer not in self._outputs:
                raise UnknownLayer(self, layer)
        if not layers:
            return {}
        wanted = tuple(layer for layer in self._outputs if layer in set(layers))
        graph = self._find_graph(wanted)
        height, width = image.shape[2:]
        if (height, width) not in graph.sizes:
            self._check_size(wanted, height, width)
            graph.sizes.add((height, width))
        return dict(zip(wanted, _KerasFunction.apply(image, graph), strict=True))

    def _find_graph(self, wanted: tuple[str, ...]) -> SplitGraph:
        """The graph that computes these layers and nothing above the highest of them, traced once and cached."""
        graph = self._graphs.pop(wanted, None)
        self._graphs[wanted] = graph or self._trace_graph(wanted)  # at the end of the dict: the most recently used
        while len(self._graphs) > MAX_CACHED_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        return self._graphs[wanted]

    def _trace_graph(self, wanted: tuple[str, ...]) -> SplitGraph:
        """Trace the graph of these layers, from an image 0..1."""
        part = self._part(wanted)
        # None for height and width: any size runs through one trace, as fast as through one made for that size.
        shape = self._network.inputs[0].shape
        shapes = [self._outputs[layer].shape for layer in wanted]
        return SplitGraph(lambda x: part(self._preprocess(x * 255.0), training=False), shape, shapes)

    def _part(self, wanted: tuple[str, ...]) -> Any:
        """The Keras model from the input to these layers."""
        import keras

        return keras.Model(self._network.inputs[0], [self._outputs[layer] for layer in wanted])

    def _check_size(self, wanted: tuple[str, ...], height: int, width: int) -> None:
        """Raise an error unless the layers take an image of that size, by Keras's shape inference.

        TensorFlow itself would log to stderr, or compute nonsense (oneDNN, for a size of zero).
        """
        got, sides = f"{width} x {height}", self._network.inputs[0].shape[1:3]
        if sides[0] not in (None, height) or sides[1] not in (None, width):
            raise SettingsError(f"{self.name} takes pictures of {sides[1]} x {sides[0]} pixels only, not {got}")
        try:
            self._part(wanted).compute_output_shape((1, height, width, 3))
        except ValueError as error:
            if "zero or negative" not in str(error):  # such as an addition of two maps whose sizes do not match
                raise SettingsError(
                    f"{self.name} cannot take a picture of {got} pixels: {shorten_error(error)}"
                ) from error
            raise ImageTooSmall(
                f"a picture of {got} pixels is too small for {wanted[-1]} of {self.name}; enlarge it or look lower"
            ) from error


class _KerasFunction(torch.autograd.Function):
    """Runs a split graph as a node of torch's autograd graph: NCHW tensors on torch's side, NHWC on TensorFlow's."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, graph: SplitGraph) -> tuple[Tensor, ...]:
        if not ctx.needs_input_grad[0]:
            return tuple(map(_to_torch, graph.infer(_to_tensorflow(image))))
        outputs, ctx.saved = graph.forward(_to_tensorflow(image))  # TensorFlow's tensors, so not save_for_backward
        ctx.graph, ctx.tie = graph, tie_to(image)
        return tuple(map(_to_torch, outputs))

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.saved is None:
            raise RuntimeError("this graph was gone through before, and what it needed is freed")
        incoming = [_to_tensorflow(grad) for grad in grads]
        saved, ctx.saved = ctx.saved, None  # freed when this call is over, even if the image's graph lives on
        return _to_torch(ctx.graph.backward(*saved, *incoming)), None


def _to_tensorflow(tensor: Tensor) -> Any:
    """Convert (b, c, h, w) of torch to (b, h, w, c) of TensorFlow."""
    return import_tensorflow().constant(tensor.detach().permute(0, 2, 3, 1).numpy())


def _to_torch(tensor: Any) -> Float[Tensor, "b c h w"]:
    """Convert (b, h, w, c) of TensorFlow to (b, c, h, w) of torch."""
    return torch.from_numpy(tensor.numpy()).permute(0, 3, 1, 2)  # .numpy() copies: TensorFlow's own stays as it is


@cache
def _calm_torch_threads(threads: int) -> None:
    """Keep torch's idle threads from spinning on the cores that TensorFlow's threads need.

    After a parallel loop OpenMP's threads spin for milliseconds, waiting for the next one. On two cores that took a
    dream's step from 1.1 to 1.6 times the CPU time of TensorFlow's own loop, and on a busy machine to twice its time.
    Only the environment can forbid it (OMP_WAIT_POLICY=passive), and only before torch is loaded. But GNU's OpenMP
    stops spinning by itself once it counts more threads than cores: so a second team of threads is started here, which
    then sleeps for good.
    """
    started, never = Event(), Event()

    def start_team_and_sleep() -> None:
        torch.rand(1 << 18).sum()  # large enough for torch to run it in parallel
        started.set()
        never.wait()

    if threads > 1:
        Thread(target=start_team_and_sleep, name="torch, idle", daemon=True).start()
        started.wait()
