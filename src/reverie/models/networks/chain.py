"""A sequence of layers with hand-written backward passes, as a single node of torch's autograd graph.

A graph of many small nodes takes a sixth of a gradient step. Here every layer appends what its backward pass will need
to one list of saved tensors and pops it from there again, so that the graph has a single node, however deep the
network is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reverie.errors import UnknownName
from reverie.models.networks.inner import Node, evaluate_nodes
from reverie.models.second_derivative import differentiable_once, tie_to

FeatureMaps: TypeAlias = Float[Tensor, "b c h w"]
"""The feature maps that a layer reads, or the gradient with respect to them."""

OutputMaps: TypeAlias = Float[Tensor, "b d i j"]
"""The feature maps that a layer puts out, or the gradient with respect to them."""

SavedTensors: TypeAlias = list[Tensor]
"""A stack of saved tensors: `forward` appends what its backward pass needs, `backward` pops it in reverse order."""


class Layer(nn.Module):
    """A differentiable layer that computes its own backward pass and builds no autograd graph."""

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """The output feature maps; appends to `saved` what `backward` needs.

        `saved` None: inference only. Then torch's own operations are called, which propagate NaN.
        `mask_relu` False: the next layer is a `MaxPool`, whose backward pass sends gradient to positive activations
        only, so that the mask of this layer's ReLU, which costs four times the work here, can be left out.
        """
        raise NotImplementedError

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """The gradient with respect to the input, given the one with respect to the output, which is not modified.

        Pops from `saved` exactly what `forward` appended; `mask_relu` must be what it was there.
        """
        raise NotImplementedError


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def cast_modules(modules: nn.ModuleList, kind: type[ModuleT]) -> list[ModuleT]:
    """The modules of a list as the type that all of them have: an `nn.ModuleList` does not know it."""
    return cast("list[ModuleT]", list(modules))


class Chain(nn.Module):
    """A network whose layers run one after another: `forward(image, layers) -> {layer: activations}`.

    LAYERS are the names of its layers, lowest first; `blocks` holds them by these names. INNER are what lies within
    them, {name: layer}; ALL_LAYERS are both, ALIASES other names, see `torch_model.LayeredNetwork`.
    Its gradient cannot be differentiated again: that raises `SettingsError`.
    """

    LAYERS: ClassVar[tuple[str, ...]]
    INNER: ClassVar[Mapping[str, str]] = {}
    blocks: nn.ModuleDict

    def forward(self, image: FeatureMaps, layers: Collection[str]) -> dict[str, Tensor]:
        """The activations (b, c, h', w') of `layers`, float32; `image` (b, 3, h, w) is normalized by MEAN and STD.

        Computes nothing above the highest of `layers`. Raises UnknownName for a layer that it lacks.
        """
        for unknown in sorted(set(layers) - set(self.LAYERS) - set(self.INNER)):
            raise UnknownName("layer", unknown, self.LAYERS, self.INNER)
        if inner := set(layers) & set(self.INNER):
            return self.run_with_inner(image, layers, inner)
        requested = tuple(name for name in self.LAYERS if name in layers)
        if not requested:
            return {}
        if torch.is_grad_enabled():
            outputs = _ChainFunction.apply(image, self, requested)
        else:
            outputs = self.run_forward(image, requested, None)
        return dict(zip(requested, outputs, strict=True))

    def run_with_inner(self, image: FeatureMaps, layers: Collection[str], inner: set[str]) -> dict[str, Tensor]:
        """The activations of `layers`, of which some lie within others (`inner`).

        These come from the activations of the layer below the one that they lie in.
        """
        opened = {self.INNER[name] for name in inner}
        below = {name: self.LAYERS[self.LAYERS.index(name) - 1] for name in opened if name != self.LAYERS[0]}
        found = self.forward(image, {*layers, *below.values()} - inner)
        for name in opened:
            maps = found[below[name]].to(image.dtype) if name in below else image
            wanted = [each for each in inner if self.INNER[each] == name]
            found |= {each: part.float() for each, part in evaluate_nodes(self.open_layer(name), maps, wanted).items()}
        return {name: found[name] for name in layers}

    def open_layer(self, name: str) -> Mapping[str, Node]:
        """What lies within a layer, by the names of INNER."""
        raise NotImplementedError

    def run_forward(self, maps: Tensor, requested: Sequence[str], saved: SavedTensors | None) -> tuple[Tensor, ...]:
        """The activations of the requested layers, lowest first, in float32; `saved` None: no backward pass follows."""
        outputs = []
        for name, mask_relu in self.plan_layers(requested):
            maps = self.block(name).forward(maps, saved, mask_relu)  # (b, c, h, w) of this layer
            if name in requested:
                outputs.append(maps.float())
        return tuple(outputs)

    def run_backward(
        self, grads: Sequence[Tensor], requested: Sequence[str], saved: SavedTensors, dtype: torch.dtype
    ) -> Tensor:
        """The gradient with respect to the image, from those with respect to the requested layers' activations."""
        # An objective's gradient may come in another dtype and layout, such as one number expanded to all places.
        incoming = [grad.to(dtype, memory_format=torch.channels_last) for grad in grads]
        grad_of = dict(zip(requested, incoming, strict=True))
        grad = grad_of.pop(requested[-1])
        for name, mask_relu in reversed(self.plan_layers(requested)):
            if name in grad_of:  # the layer is read by the objective and by the layer above it: both gradients add up
                grad = grad.add_(grad_of[name])
            grad = self.block(name).backward(grad, saved, mask_relu)
        return grad

    def block(self, name: str) -> Layer:
        """The layer of that name."""
        return cast(Layer, self.blocks[name])

    def plan_layers(self, requested: Sequence[str]) -> list[tuple[str, bool]]:
        """The layers to run, up to the highest requested, each with its `mask_relu`.

        A layer's ReLU goes unmasked if nothing but a max pool reads it.
        """
        names = self.LAYERS[: self.LAYERS.index(requested[-1]) + 1]
        followed = zip(names, [*names[1:], ""], strict=True)
        return [(name, name in requested or not above.startswith("pool")) for name, above in followed]


class _ChainFunction(torch.autograd.Function):
    """Runs a chain as a single node of the autograd graph."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, chain: Chain, requested: tuple[str, ...]) -> tuple[Tensor, ...]:
        saved: SavedTensors = []
        outputs = chain.run_forward(image, requested, saved)
        ctx.chain, ctx.requested, ctx.dtype = chain, requested, image.dtype
        ctx.tie = tie_to(image)
        ctx.save_for_backward(*saved)
        return outputs

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.chain.run_backward(grads, ctx.requested, list(ctx.saved_tensors), ctx.dtype), None, None
