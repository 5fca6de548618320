"""Torchvision's vision transformers for images of any size; at their own size the outputs do not change."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.vision_transformer import Encoder, VisionTransformer


class AnySizeEncoder(Encoder):  # type: ignore[misc]  # torchvision has no types
    """The encoder with position embeddings for any `grid` (rows, columns) of the tokens after the class token."""

    def forward(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b n c"]:
        """Encode the tokens, of which the first is the class token: n = 1 + rows * columns."""
        positioned = tokens + resize_positions(self.pos_embedding, grid)
        return cast(Tensor, self.ln(self.layers(self.dropout(positioned))))


class AnySizeTransformer(VisionTransformer):  # type: ignore[misc]
    """The network without its check of the image's size; what does not fill a whole patch is cropped."""

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n"]:
        """The logits of a normalized image."""
        patches = self.conv_proj(x)  # (b, c, rows, columns)
        class_token = self.class_token.expand(len(x), -1, -1)  # (b, 1, c)
        tokens = torch.cat([class_token, patches.flatten(2).mT], 1)  # (b, 1 + rows * columns, c)
        encoded = self.encoder(tokens, (patches.shape[2], patches.shape[3]))
        return cast(Tensor, self.heads(encoded[:, 0]))


def allow_any_size(module: nn.Module) -> nn.Module:
    """Let a module take images of any size if it is a vision transformer; it is changed in place and returned."""
    if type(module) is VisionTransformer:
        # Only the classes change, so that the state dict and the submodules stay as they are.
        module.__class__ = AnySizeTransformer
        module.encoder.__class__ = AnySizeEncoder
    return module


def resize_positions(embedding: Float[Tensor, "1 n c"], grid: tuple[int, int]) -> Float[Tensor, "1 m c"]:
    """Resize the position embedding of a square grid to another grid (rows, columns); the class token's is kept."""
    class_position, rest = embedding[:, :1], embedding[:, 1:]
    side = round(rest.shape[1] ** 0.5)
    if grid == (side, side):
        return embedding
    maps = rest.mT.reshape(1, -1, side, side)  # (1, c, side, side)
    resized = F.interpolate(maps.float(), grid, mode="bicubic", antialias=True).to(rest)
    return torch.cat([class_position, resized.flatten(2).mT], 1)  # (1, 1 + rows * columns, c)
