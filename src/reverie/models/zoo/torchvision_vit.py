"""Torchvision's vision transformers, for pictures of any size: at their own size they answer as they always do."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.vision_transformer import Encoder, VisionTransformer


class AnySizeEncoder(Encoder):  # type: ignore[misc]  # torchvision has no types
    """The encoder, told the grid (rows, columns) that the tokens after the first lie in."""

    def forward(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b n c"]:
        placed = tokens + positions(self.pos_embedding, grid)
        return cast(Tensor, self.ln(self.layers(self.dropout(placed))))


class AnySizeTransformer(VisionTransformer):  # type: ignore[misc]
    """The network without the question how large the picture is; what fills no whole patch is left out."""

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n"]:
        planes = self.conv_proj(x)
        first = self.class_token.expand(len(x), -1, -1)
        tokens = torch.cat([first, planes.flatten(2).mT], 1)
        seen = self.encoder(tokens, (planes.shape[2], planes.shape[3]))
        return cast(Tensor, self.heads(seen[:, 0]))


def of_any_size(module: nn.Module) -> nn.Module:
    """The same module; if it is a vision transformer, it takes pictures of any size from now on."""
    if type(module) is VisionTransformer:
        module.__class__ = AnySizeTransformer
        module.encoder.__class__ = AnySizeEncoder
    return module


def positions(embedded: Float[Tensor, "1 n c"], grid: tuple[int, int]) -> Float[Tensor, "1 m c"]:
    """The trained places of a square grid's tokens, spread over another grid; the first token has none in it."""
    first, rest = embedded[:, :1], embedded[:, 1:]
    side = round(rest.shape[1] ** 0.5)
    if grid == (side, side):
        return embedded
    planes = rest.mT.reshape(1, -1, side, side)
    spread = F.interpolate(planes.float(), grid, mode="bicubic", antialias=True).to(rest)
    return torch.cat([first, spread.flatten(2).mT], 1)
