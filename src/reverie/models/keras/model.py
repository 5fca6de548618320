"""A Keras network as a `Model`: TensorFlow runs it, torch differentiates through it.

The network is traced once, forward and backward in one graph, and that graph is cut in two: `forward` answers the
layers and hands out the few tensors that the way back needs, `backward` takes those and the incoming gradients. A step
is two graph calls. A tape around a `tf.function` would do the same in one line and cost 1.9 times as much (InceptionV3
to mixed5 at 225 x 375): its backward half also computes the gradients of every weight, and where max pooling and its
gradient lie in two graphs, oneDNN's kernel cannot be used and a tenfold slower one is. Cut here, a step costs what
TensorFlow's own loop costs, and its gradient is the same bit for bit.
"""

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
from torch.autograd.function import once_differentiable

from reverie.errors import ImageTooSmall, SettingsError, UnknownLayer
from reverie.models.keras.networks import (
    answer_in_words,
    build_network,
    count,
    is_map,
    joins,
    one_line,
    preprocessing,
    tensorflow,
)
from reverie.types import Image

RECOMPUTED = frozenset({"Shape", "ShapeN", "ConcatOffset", "ConcatV2", "Identity", "MaxPool"})
"""What `backward` computes again rather than be handed: cheap, and max pooling must lie beside its own gradient."""

STRIDES_AT = 224
"""The side in pixels of the picture that the grids of layers are counted at."""

KEPT_GRAPHS = 16
"""Sets of layers whose graphs are kept; the one unused the longest goes first."""


def load_keras(name: str, weights: str | Path | None = None, seed: int = 0) -> KerasModel:
    """A network of keras.applications, without its top, as a model.

    `name` is "inception_v3" or "keras:" and a constructor's name ("keras:ResNet50"); `weights` None (Keras's own, from
    its cache or its server), "random" (drawn with `seed`), or a file: .h5 in the old layout, .weights.h5 or .keras.
    Raises `UnknownName`, `WeightsError` and `MissingExtra`.
    """
    network, preprocess = build_network(name, weights, seed)
    return KerasModel(network, name, preprocess)


class KerasModel:
    """A Keras network whose activations torch can differentiate.

    `network` is a functional `keras.Model` with one RGB input, channels last; `preprocess` says what it expects:
    "tf" (-1..1), "caffe" (BGR, 0..255, means subtracted), "torch" (ImageNet mean and deviation), "raw" (0..255), or a
    function of a (b, h, w, 3) tensor 0..255, such as the `preprocess_input` of its module in keras.applications.
    It runs where TensorFlow places it (a GPU that TensorFlow sees), takes and gives tensors on the processor, and is
    always in inference mode. Its gradient cannot be differentiated again.
    """

    device = torch.device("cpu")
    precision = "float32"

    def __init__(
        self, network: Any, name: str, preprocess: str | Callable[[Any], Any] = "tf", digest: str | None = None
    ) -> None:
        tensorflow()
        _calm_torch_threads(torch.get_num_threads())
        self._digest = digest
        self.name = name
        self._network = network
        self._preprocess = preprocessing(preprocess)
        self._outputs = {layer.name: layer.output for layer in network.layers if is_map(layer)}
        self._graphs: dict[tuple[str, ...], _Halves] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that answer with maps (b, h, w, c), lowest first, as Keras names them."""
        return tuple(self._outputs)

    @property
    def other_layers(self) -> Mapping[str, str]:
        """The layers that answer with no maps, and what they answer with."""
        others = [layer for layer in self._network.layers if layer.name not in self._outputs]
        return {layer.name: f"it answers with {answer_in_words(layer)}" for layer in others}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights' file where that was told, else over the bytes of all weights, in Keras's order."""
        if self._digest is not None:
            return self._digest
        found = hashlib.sha256()
        for weight in self._network.weights:
            found.update(weight.numpy().tobytes())
        return found.hexdigest()

    @property
    def strides(self) -> dict[str, int]:
        """The pixels from neuron to neuron of the layers that end a block by bringing its branches together.

        Of all layers, where none does: a plain row of convolutions. Empty for a network that takes no common size.
        """
        height = self._network.inputs[0].shape[1] or STRIDES_AT
        wanted = tuple(name for name in self.layers if joins(self._network.get_layer(name))) or self.layers
        try:
            found = self._part(wanted).compute_output_shape((1, height, height, 3))
        except ValueError:  # NASNet: its sums fit at some sizes only
            return {}
        shapes = found if isinstance(found, list) else [found]
        return {name: round(height / shape[1]) for name, shape in zip(wanted, shapes, strict=True)}

    @property
    def parameters(self) -> Mapping[str, tuple[int, int]]:
        """{layer: (trainable, non-trainable)} of the layers that have any; the sums are Keras's own."""
        counts = {
            layer.name: (count(layer.trainable_weights), count(layer.non_trainable_weights))
            for layer in self._network.layers
        }
        return {name: both for name, both in counts.items() if any(both)}

    def __call__(self, image: Image, layers: Collection[str]) -> dict[str, Float[Tensor, "b _ _ _"]]:
        """The activations (b, c, h, w) of `layers`, attached to the graph of `image` (b, 3, h, w), 0..1.

        Raises `UnknownName` for a layer it lacks and `ImageTooSmall` where one of them would be left without a pixel.
        """
        for layer in layers:
            if layer not in self._outputs:
                raise UnknownLayer(self, layer)
        if not layers:
            return {}
        wanted = tuple(layer for layer in self._outputs if layer in set(layers))
        halves = self._halves(wanted)
        height, width = image.shape[2:]
        if (height, width) not in halves.sizes:
            self._check_size(wanted, height, width)
            halves.sizes.add((height, width))
        return dict(zip(wanted, _ThroughKeras.apply(image, halves), strict=True))

    def _halves(self, wanted: tuple[str, ...]) -> _Halves:
        """The graphs that answer these layers and compute nothing above the highest of them."""
        graphs = self._graphs.pop(wanted, None)
        self._graphs[wanted] = graphs or self._cut(wanted)
        while len(self._graphs) > KEPT_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        return self._graphs[wanted]

    def _cut(self, wanted: tuple[str, ...]) -> _Halves:
        part = self._part(wanted)
        # None for height and width: any size runs through one trace, as fast as through one made for that size.
        shape = self._network.inputs[0].shape
        shapes = [self._outputs[layer].shape for layer in wanted]
        return _Halves(lambda x: part(self._preprocess(x * 255.0), training=False), shape, shapes)

    def _part(self, wanted: tuple[str, ...]) -> Any:
        import keras

        return keras.Model(self._network.inputs[0], [self._outputs[layer] for layer in wanted])

    def _check_size(self, wanted: tuple[str, ...], height: int, width: int) -> None:
        """Keras is asked beforehand: TensorFlow itself would log to stderr, or answer nonsense (oneDNN, size zero)."""
        got, sides = f"{width} x {height}", self._network.inputs[0].shape[1:3]
        if sides[0] not in (None, height) or sides[1] not in (None, width):
            raise SettingsError(f"{self.name} takes pictures of {sides[1]} x {sides[0]} pixels only, not {got}")
        try:
            self._part(wanted).compute_output_shape((1, height, width, 3))
        except ValueError as error:
            if "zero or negative" not in str(error):  # a sum of two maps that do not match, say
                raise SettingsError(f"{self.name} cannot take a picture of {got} pixels: {one_line(error)}") from error
            raise ImageTooSmall(
                f"a picture of {got} pixels is too small for {wanted[-1]} of {self.name}; enlarge it or look lower"
            ) from error


class _ThroughKeras(torch.autograd.Function):
    """The one place where tensors change hands. Images are NCHW on torch's side, NHWC on TensorFlow's."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, halves: _Halves) -> tuple[Tensor, ...]:
        if not ctx.needs_input_grad[0]:
            return tuple(map(_to_torch, halves.look(_to_tensorflow(image))))
        answers, ctx.kept = halves.forward(_to_tensorflow(image))
        ctx.halves = halves
        return tuple(map(_to_torch, answers))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.kept is None:
            raise RuntimeError("this graph was gone through before, and what it needed is freed")
        incoming = [_to_tensorflow(grad) for grad in grads]
        kept, ctx.kept = ctx.kept, None  # freed when this call is over, even if the picture's graph lives on
        return _to_torch(ctx.halves.backward(*kept, *incoming)), None


class _Halves:
    """A network's graph, cut where the way back begins.

    `look(x)` answers the layers; `forward(x)` the layers and what `backward(*kept, *grads)` needs to give the gradient
    of x. All are `tf.function`s traced once, for every size of x.
    """

    def __init__(self, network: Callable[[Any], Any], shape: Any, shapes: list[Any]) -> None:
        tf = tensorflow()

        def whole(x: Any, *grads: Any) -> tuple[list[Any], Any]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                answers = tf.nest.flatten(network(x))  # Keras takes one output out of its list
            zero = tf.UnconnectedGradients.ZERO
            return answers, tape.gradient(answers, x, output_gradients=list(grads), unconnected_gradients=zero)

        self.sizes: set[tuple[int, int]] = set()  # (height, width) that passed the check
        specs = [tf.TensorSpec(each, tf.float32) for each in (shape, *shapes)]
        graph = tf.compat.v1.wrap_function(whole, specs)
        x, *grads = graph.inputs[: len(specs)]
        *answers, grad = graph.outputs
        kept = _handed_over(x, grads, grad)
        self.look = _compiled(graph.prune([x], answers), specs[:1])
        self.forward = _compiled(graph.prune([x], (answers, kept)), specs[:1])
        needs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in kept]
        self.backward = _compiled(graph.prune([*kept, *grads], grad), needs + specs[1:])


def _handed_over(x: Any, grads: list[Any], grad: Any) -> list[Any]:
    """The tensors of the forward half that the backward half cannot do without."""
    late = _after(grads)
    early = _after([x]) - late
    needed: dict[Any, Any] = {}
    seen = set()
    todo = [grad.op]
    while todo:
        op = todo.pop()
        for tensor in op.inputs if op not in seen else ():
            if tensor.op in late:
                todo.append(tensor.op)
            elif tensor.op in early:
                needed[tensor.ref()] = tensor
        seen.add(op)

    def again(tensor: Any) -> bool:
        """Whether the backward half can compute it from what it has anyway."""
        if tensor.op not in early:  # weights and constants
            return True
        return tensor.op.type in RECOMPUTED and all(again(of) or of.ref() in needed for of in tensor.op.inputs)

    return [tensor for tensor in needed.values() if not again(tensor)]


def _after(tensors: list[Any]) -> set[Any]:
    """The operations that make these tensors, and all that wait for them."""
    found = {tensor.op for tensor in tensors}
    for op in tensors[0].graph.get_operations():  # in the order they were made, so what an operation needs comes first
        # Some gradients are made to wait for the incoming one without reading it (that of erf, in GELU).
        if any(tensor.op in found for tensor in op.inputs) or any(other in found for other in op.control_inputs):
            found.add(op)
    return found


def _compiled(pruned: Any, specs: list[Any]) -> Any:
    # A pruned function called directly first prints all its arguments into an error message that nobody sees: 50 ms.
    return tensorflow().function(lambda *inputs: pruned(*inputs), input_signature=specs)


def _to_tensorflow(tensor: Tensor) -> Any:
    return tensorflow().constant(tensor.detach().permute(0, 2, 3, 1).numpy())


def _to_torch(tensor: Any) -> Float[Tensor, "b c h w"]:
    return torch.from_numpy(tensor.numpy()).permute(0, 3, 1, 2)  # .numpy() copies: TensorFlow's own stays as it is


@cache
def _calm_torch_threads(threads: int) -> None:
    """Keep torch's threads from spinning on the cores that TensorFlow's want.

    After a parallel loop OpenMP's threads spin for milliseconds, waiting for the next one. On two cores that took a
    dream's step from 1.1 to 1.6 times the processor time of TensorFlow's own, and on a busy machine to twice its time.
    Only the environment can forbid it (OMP_WAIT_POLICY=passive), and only before torch is loaded. But GNU's OpenMP
    gives it up by itself once it counts more threads than cores: so a second set is made here, and sleeps for good.
    """
    made, never = Event(), Event()

    def sleep() -> None:
        torch.rand(1 << 18).sum()  # large enough to be shared out among threads
        made.set()
        never.wait()

    if threads > 1:
        Thread(target=sleep, name="torch, idle", daemon=True).start()
        made.wait()
