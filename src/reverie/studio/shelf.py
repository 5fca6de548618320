"""The networks that the page offers: the catalog, and a dozen of the zoo. Nothing is loaded to tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reverie.models.catalog import ENTRIES

MEGABYTE = 1e6
PER_PARAMETER = 4
"""Bytes of a parameter in a file of weights."""


@dataclass(frozen=True)
class Shelved:
    """A network of another library: what it is good for, its trainable parameters, and its layer unless told.

    The numbers are those of docs/zoo.md, or of Keras's own network.
    """

    name: str
    about: str
    parameters: int
    layer: str = ""
    """What it dreams of unless told; empty: it is known once the network is loaded."""

    @property
    def objective(self) -> str:
        """The default objective, in words."""
        return f"{self.layer}^2" if self.layer else ""


SHELF = (
    Shelved(
        "torchvision:googlenet",
        "a relative of the network of the first DeepDreams, 2015: animals, eyes, arches; small and quick",
        6_624_904,
        "inception4c",
    ),
    Shelved(
        "torchvision:vgg16",
        "plain and painterly: strokes, feathers, ornaments; large, and slow to dream",
        138_357_544,
        "features.27",
    ),
    Shelved("torchvision:resnet50", "deep, with shortcuts: parts of animals that flow", 25_557_032, "layer3.3"),
    Shelved("torchvision:resnet18", "a small relative of ResNet50: for quick tries", 11_689_512, "layer3.1"),
    Shelved(
        "torchvision:densenet121",
        "every layer reads all before it: fine, dense ornaments",
        7_978_856,
        "features.denseblock3.denselayer16",
    ),
    Shelved("torchvision:alexnet", "the network of 2012: coarse strokes and strong colors", 61_100_840, "features.9"),
    Shelved(
        "torchvision:inception_v3",
        "the paper's network as torchvision has it, with its classes",
        23_834_568,
        "Mixed_6d",
    ),
    Shelved("torchvision:efficientnet_b0", "small, and sharp for its size", 5_288_548, "features.5"),
    Shelved("torchvision:convnext_tiny", "a modern network: large, whole shapes", 28_589_128, "features.5.5"),
    Shelved(
        "torchvision:vit_b_16",
        "a transformer: patterns in a grid of patches, 16 pixels each",
        86_567_656,
        "encoder.layers.encoder_layer_7",
    ),
    Shelved(
        "timm:convnext_tiny.fb_in22k",
        "trained on 22,000 kinds of things, not 1000: more to wish for",
        44_615_857,
        "stages.2.blocks.5",
    ),
    Shelved(
        "timm:swin_tiny_patch4_window7_224.ms_in1k",
        "a transformer of windows: patterns of windows within windows",
        28_288_354,
        "layers.2.blocks.3",
    ),
    Shelved("keras:ResNet50", "Keras's own ResNet50, run by TensorFlow", 25_583_592),
    Shelved("keras:Xception", "Keras's Xception, run by TensorFlow", 22_855_952),
)


def describe_shelf() -> list[dict[str, Any]]:
    """What a page is told of each: its name, what it is, its default objective, its parameters and megabytes."""
    own = [
        {"name": each.name, "about": each.about, "objective": each.objective, "parameters": None, "megabytes": None}
        for each in ENTRIES.values()
    ]
    return own + [
        {
            "name": each.name,
            "about": each.about,
            "objective": each.objective,
            "parameters": each.parameters,
            "megabytes": round(each.parameters * PER_PARAMETER / MEGABYTE),
        }
        for each in SHELF
    ]
