"""A network of layers that bring their own way back, as one node of torch's graph.

A graph of many small nodes takes a sixth of a gradient step. Here every layer puts what it will need on a tape and
takes it from there again on the way back, so that the graph has a single node, however deep the network is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reverie.errors import UnknownName

Planes: TypeAlias = Float[Tensor, "b c h w"]
Answer: TypeAlias = Float[Tensor, "b d i j"]
Tape: TypeAlias = list[Tensor]
"""What layers keep for their way back: `answer` puts it at the end, `pull` takes it from there again."""


class Layer(nn.Module):
    """Something that answers to planes and sends a gradient back, without a graph of its own."""

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        """Its answer. `tape` None: a single look, by torch's own calls, which hand on what is no number.

        `masked` False: what comes next is a `MaxPool`, which sends back to positive places only, so that a ReLU's own
        way back, which has four times the work here, can be left out.
        """
        raise NotImplementedError

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        """The gradient at the planes, from the one at the answer, which is left as it is."""
        raise NotImplementedError


L = TypeVar("L", bound=nn.Module)


def of(modules: nn.ModuleList, kind: type[L]) -> list[L]:
    """The modules, all of which are of one kind."""
    return cast("list[L]", list(modules))


class Chain(nn.Module):
    """A network of layers one after another: `forward(image, layers) -> {layer: activations}`.

    `blocks` are its layers by name, lowest first.
    """

    LAYERS: ClassVar[tuple[str, ...]]
    blocks: nn.ModuleDict

    def forward(self, image: Planes, layers: Collection[str]) -> dict[str, Tensor]:
        """The activations (b, c, h', w') of `layers`, float32; `image` is normalised by MEAN and STD already.

        Computes nothing above the highest of `layers`. Raises UnknownName.
        """
        for unknown in sorted(set(layers) - set(self.LAYERS)):
            raise UnknownName("layer", unknown, self.LAYERS)
        asked = tuple(name for name in self.LAYERS if name in layers)
        if not asked:
            return {}
        answers = _Run.apply(image, self, asked) if torch.is_grad_enabled() else self.answers(image, asked, None)
        return dict(zip(asked, answers, strict=True))

    def answers(self, planes: Tensor, asked: Sequence[str], tape: Tape | None) -> tuple[Tensor, ...]:
        """The activations of the layers asked for, lowest first, in float32."""
        found = []
        for name, masked in self.way(asked):
            planes = self.block(name).answer(planes, tape, masked)
            if name in asked:
                found.append(planes.float())
        return tuple(found)

    def pulled(self, grads: Sequence[Tensor], asked: Sequence[str], tape: Tape, dtype: torch.dtype) -> Tensor:
        """The gradient at the image, from those at the answers."""
        alike = [grad.to(dtype, memory_format=torch.channels_last) for grad in grads]
        given = dict(zip(asked, alike, strict=True))
        grad = given.pop(asked[-1])
        for name, masked in reversed(self.way(asked)):
            if name in given:
                grad = grad.add_(given[name])
            grad = self.block(name).pull(grad, tape, masked)
        return grad

    def block(self, name: str) -> Layer:
        return cast(Layer, self.blocks[name])

    def way(self, asked: Sequence[str]) -> list[tuple[str, bool]]:
        """The blocks up to the last that is asked for; not masked are those that nothing but a pool will read."""
        names = self.LAYERS[: self.LAYERS.index(asked[-1]) + 1]
        followed = zip(names, [*names[1:], ""], strict=True)
        return [(name, name in asked or not above.startswith("pool")) for name, above in followed]


class _Run(torch.autograd.Function):
    """A chain as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, chain: Chain, asked: tuple[str, ...]) -> tuple[Tensor, ...]:
        tape: Tape = []
        answers = chain.answers(image, asked, tape)
        ctx.chain, ctx.asked, ctx.dtype = chain, asked, image.dtype
        ctx.save_for_backward(*tape)
        return answers

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.chain.pulled(grads, ctx.asked, list(ctx.saved_tensors), ctx.dtype), None, None
