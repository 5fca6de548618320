"""The bridge between torch and TensorFlow: a TensorFlow graph as a node of torch's autograd graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from threading import Event, Thread
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.models.hooked.grids import OutputGrid
from reverie.models.keras.engine import import_tensorflow
from reverie.models.keras.graphs import SplitGraph
from reverie.models.second_derivative import differentiable_once, tie_to


class KerasFunction(torch.autograd.Function):
    """Runs a split graph as a node of torch's autograd graph: an image in, the layers' raw outputs out."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, graph: SplitGraph) -> tuple[Tensor, ...]:
        if not ctx.needs_input_grad[0]:
            return tuple(map(to_torch, graph.infer(image_to_tensorflow(image))))
        outputs, ctx.saved = graph.forward(image_to_tensorflow(image))  # TensorFlow's tensors, so not save_for_backward
        ctx.graph, ctx.tie = graph, tie_to(image)
        return tuple(map(to_torch, outputs))

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.saved is None:
            raise RuntimeError("this graph was gone through before, and what it needed is freed")
        tf = import_tensorflow()
        incoming = [tf.constant(grad.numpy()) for grad in grads]
        saved, ctx.saved = ctx.saved, None  # freed when this call is over, even if the image's graph lives on
        grad = to_torch(ctx.graph.backward(*saved, *incoming))
        return grad.permute(0, 3, 1, 2), None


def image_to_tensorflow(image: Float[Tensor, "b c h w"]) -> Any:
    """Convert images (b, c, h, w) of torch to (b, h, w, c) of TensorFlow."""
    return import_tensorflow().constant(image.detach().permute(0, 2, 3, 1).numpy())


def to_torch(tensor: Any) -> Tensor:
    """Convert a tensor of TensorFlow to one of torch, its axes as they are."""
    return torch.from_numpy(tensor.numpy())  # .numpy() copies: TensorFlow's own stays as it is


def pull_back_recorded(
    record: Callable[[Any, Collection[str]], Mapping[str, Any]],
    grids: Mapping[str, OutputGrid],
    image: Tensor,
    layer: str,
    grads: Mapping[str, Tensor],
) -> Tensor:
    """The gradient at a layer of what `grads` are given for, by TensorFlow's tape, as (b, c, h, w).

    `record(pixels, names)` runs the network and returns the raw outputs of layers, which `grids` bring to that form.
    """
    tf, size, pixels = import_tensorflow(), (image.shape[-2], image.shape[-1]), image_to_tensorflow(image)

    def read(x: Any) -> list[Any]:
        outputs = record(x, {layer, *grads})
        return [tf.cast(outputs[name], tf.float32) for name in grads]

    def pull(x: Any, *incoming: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)  # else nothing is recorded
            outputs = record(x, {layer, *grads})
            above = [tf.cast(outputs[name], tf.float32) for name in grads]
        zero = tf.UnconnectedGradients.ZERO
        found = tape.gradient(above, outputs[layer], output_gradients=list(incoming), unconnected_gradients=zero)
        return tf.cast(found, tf.float32)

    incoming = []
    for grad, output in zip(grads.items(), tf.function(read, autograph=False)(pixels), strict=True):
        raw = to_torch(output).requires_grad_(True)
        with torch.enable_grad():
            (own,) = torch.autograd.grad(grids[grad[0]].to_maps(raw, size), raw, grad[1])
        incoming.append(tf.constant(own.numpy()))
    return grids[layer].to_maps(to_torch(tf.function(pull, autograph=False)(pixels, *incoming)), size)


@cache
def calm_torch_threads(threads: int) -> None:
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
