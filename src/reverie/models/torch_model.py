"""A torch network as a `Model`: its preprocessing, precision and memory format are its own affair."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reverie._native import kernels as native
from reverie._native import malloc as heap
from reverie.errors import SettingsError, UnknownLayer, WordingError
from reverie.types import Activations, Image

PRECISIONS = ("auto", "float32", "bfloat16")


@runtime_checkable
class Network(Protocol):
    """What a native network of ours answers to: normalised images in, activations by layer out."""

    LAYERS: tuple[str, ...]
    MEAN: tuple[float, float, float]
    STD: tuple[float, float, float]

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]: ...


class TorchModel:
    """A `Model` around a `Network`. `image` is expected on `device`; activations come in the model's precision."""

    def __init__(
        self,
        network: Network,
        name: str,
        digest: str,
        *,
        parameters: Mapping[str, tuple[int, int]] | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        module = cast(nn.Module, network)
        self.name, self.digest, self.layers = name, digest, network.LAYERS
        self.device = chosen_device(device)
        if self.device.type == "cpu":
            heap.keep()
        self.dtype = chosen_precision(precision, self.device)
        self.precision = str(self.dtype).removeprefix("torch.")
        self.parameters = parameters or counted(module)
        # channels_last is how convolutions are fastest on processors and tensor cores alike.
        module = module.eval().requires_grad_(False).to(self.device, self.dtype)
        self.network = module.to(memory_format=torch.channels_last)
        # A network with a classifier says which layer's channels are the classes, and may say their names.
        self.classes: str | None = getattr(network, "CLASSES", None)
        self.class_names: Sequence[str] | None = getattr(network, "CLASS_NAMES", None)
        self.class_count: int | None = getattr(network, "CLASS_COUNT", None)
        self.other_layers: Mapping[str, str] = getattr(network, "OTHERS", {})
        self.scale = (1 / torch.tensor(network.STD)).view(1, 3, 1, 1).to(self.device)
        self.shift = (-torch.tensor(network.MEAN) / torch.tensor(network.STD)).view(1, 3, 1, 1).to(self.device)

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        for layer in layers:
            if layer not in self.layers:
                raise UnknownLayer(self, layer)
        x = prepared(image, self.scale, self.shift, self.dtype)
        return cast("Activations", self.network(x, frozenset(layers)))

    def logits(self, image: Image) -> Float[Tensor, "b n"]:
        """What every class scores: as the network says, else the mean over the places."""
        if self.classes is None:
            raise WordingError(f"{self.name} has no classifier")
        planes = self(image, [self.classes])[self.classes].float()
        pooled: Tensor = getattr(self.network, "logits", mean_over_places)(planes)
        return pooled

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.layers)} layers, {self.precision}, {self.device}>"


def prepared(image: Image, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> Image:
    """image * scale + shift, in the precision and with the memory format of the network."""
    if native.takes_photograph(image, dtype):
        planes: Tensor = _Prepare.apply(image, scale, shift, dtype)
        return planes
    return torch.addcmul(shift, image, scale).to(dtype, memory_format=torch.channels_last)


class _Prepare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.scale = scale
        return native.to_places(image, scale, shift, dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return native.to_planes(grad, ctx.scale), None, None, None


def mean_over_places(planes: Float[Tensor, "b n h w"]) -> Float[Tensor, "b n"]:
    return planes.mean((2, 3))


def counted(module: nn.Module) -> dict[str, tuple[int, int]]:
    """The (trainable, non-trainable) numbers in each top-level block."""
    return {
        name: (sum(each.numel() for each in block.parameters()), sum(each.numel() for each in block.buffers()))
        for name, block in module.named_children()
    }


def chosen_device(device: str) -> torch.device:
    """The device of a name; "auto" takes the fastest there is. Raises `SettingsError` for one that is not there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    kind = device.split(":")[0]
    if not there.get(kind):
        here = ", ".join(name for name, is_there in there.items() if is_there)
        raise SettingsError(f"no device {device!r} here; expected auto or one of: {here}")
    return torch.device(device)


def chosen_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type of a precision; "auto" is bfloat16 where the processor computes it natively, float32 elsewhere."""
    if precision not in PRECISIONS:
        raise SettingsError(f"precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
    if precision == "auto":
        return torch.bfloat16 if native_bfloat16(device) else torch.float32
    return torch.float32 if precision == "float32" else torch.bfloat16


def native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is computed by the hardware itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        if capabilities:
            return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())  # before torch 2.11
    return False
