"""The gradient of what higher layers answer, with respect to the activations of a layer below them.

Autograd gives it where a network hands out the very tensors that it goes on with. Ours run as a single node of the
autograd graph, hooked modules hand out views of what they computed, and a Keras network lies in TensorFlow's graph:
each of them has a way of its own here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from reverie.errors import SettingsError, UnknownLayer
from reverie.models.hooked.hooks import find_first_tensor
from reverie.models.hooked.network import HookedNetwork
from reverie.models.networks.chain import Chain, Layer
from reverie.models.networks.inner import evaluate_nodes
from reverie.models.torch_model import TorchModel, normalize_image
from reverie.types import Image, Model


def pull_back_to_layer(
    model: Model, image: Image, layer: str, grads: Mapping[str, Float[Tensor, "b _ _ _"]]
) -> Float[Tensor, "b c y x"]:
    """The gradient with respect to the activations (b, c, h, w) of a layer, in float32.

    `grads` are those with respect to other layers' activations, {name: like its activations}: what is returned is their
    sum, each times the Jacobian of its layer by the one below. Zero where a layer does not depend on it.
    Raises `UnknownLayer`, and `SettingsError` for a network that does not tell how its layers depend on each other.
    """
    for name in (layer, *grads):
        if name not in model.layers:
            raise UnknownLayer(model, name)
    own = getattr(model, "pull_back_to_layer", None)
    if own is not None:
        found: Tensor = own(image, layer, grads)
    elif isinstance(model, TorchModel) and isinstance(model.network, (Chain, HookedNetwork)):
        normalized = normalize_image(image.detach(), model.scale, model.shift, model.dtype)
        through = through_chain if isinstance(model.network, Chain) else through_hooks
        found = through(model.network, normalized, layer, grads)
    else:
        found = through_autograd(model, image, layer, grads)
    return found.float()


def through_chain(chain: Any, image: Tensor, layer: str, grads: Mapping[str, Tensor]) -> Tensor:
    """Through the layers of a chain above the one, and what is read within them; `image` is normalized."""
    if layer in chain.INNER:
        raise SettingsError(f"{layer} lies within {chain.INNER[layer]}: take that, or a layer below it")
    with torch.no_grad():
        maps = chain(image, [layer])[layer].to(image.dtype)
    start = maps.requires_grad_(True)
    reached = max(chain.LAYERS.index(chain.INNER.get(name, name)) for name in grads)
    found = {layer: start}
    with torch.enable_grad():
        for name in chain.LAYERS[chain.LAYERS.index(layer) + 1 : reached + 1]:
            inner = [each for each in grads if chain.INNER.get(each) == name]
            found |= evaluate_nodes(chain.open_layer(name), maps, inner) if inner else {}
            maps = found[name] = _LayerFunction.apply(maps, chain.block(name))
        above = [name for name in grads if name in found]
        if not above:
            return torch.zeros_like(start)
        incoming = [grads[name].to(found[name]) for name in above]
        pulled: tuple[Tensor, ...] = torch.autograd.grad([found[name] for name in above], start, incoming)
    return pulled[0]


class _LayerFunction(torch.autograd.Function):
    """One layer of a chain as a node of the autograd graph."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, layer: Layer) -> Tensor:
        saved: list[Tensor] = []
        ctx.layer, output = layer, layer.forward(maps, saved)
        ctx.save_for_backward(*saved)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        incoming = grad.contiguous(memory_format=torch.channels_last)
        return ctx.layer.backward(incoming, list(ctx.saved_tensors)), None


def through_hooks(network: Any, image: Tensor, layer: str, grads: Mapping[str, Tensor]) -> Tensor:
    """Through a hooked module: the gradient at its output as computed, read as a grid; `image` is normalized."""
    names = {layer, *grads}
    with torch.no_grad():
        network(image, names)  # it finds out which outputs are overwritten in place: the pass below is the only one
    whole = network.original if network.changed_layers & names else network.folded
    module = whole.get_submodule("" if layer == network.CLASSES else layer)
    held: list[Tensor] = []

    def hold_output(_: Any, inputs: Any, output: Any) -> Any:
        tensor = find_first_tensor(output)
        if held or tensor is None:  # of a module that is called more than once, the first call is its layer
            return None
        held.append(tensor)
        return output.clone() if output is tensor else None  # what comes after may overwrite it in place

    with torch.enable_grad():
        handle = module.register_forward_hook(hold_output, prepend=True)
        try:
            answers = network(image.requires_grad_(True), names)
        finally:
            handle.remove()
        incoming = [grad.to(answers[name]) for name, grad in grads.items()]
        (grad,) = torch.autograd.grad([answers[name] for name in grads], held, incoming, allow_unused=True)
    size = image.shape[-2], image.shape[-1]
    maps: Tensor = network.grids[layer].to_maps(torch.zeros_like(held[0]) if grad is None else grad, size)
    return maps


def through_autograd(model: Model, image: Image, layer: str, grads: Mapping[str, Tensor]) -> Tensor:
    """Through autograd, where the activations that the model answers with are those that it goes on with."""
    with torch.enable_grad():
        answers = model(image.detach().requires_grad_(True), [layer, *grads])
        outputs = [answers[name] for name in grads]
        (grad,) = torch.autograd.grad(outputs, answers[layer], list(grads.values()), allow_unused=True)
    if grad is None:
        raise SettingsError(f"{model.name} does not tell how {', '.join(grads)} depends on {layer}: take another layer")
    found: Tensor = grad
    return found
