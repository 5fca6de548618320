"""Makes `src/reverie/data/imagenet_classes.txt`: a line for each class of ImageNet, its names separated by commas.

    pip install torchvision timm
    python tools/name_classes.py OUTPUT.txt

The first name is torchvision's, no two of which are alike; the others are WordNet's synonyms as timm has them.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from torchvision.models._meta import _IMAGENET_CATEGORIES

INFO = resources.files("timm").joinpath("data", "_info")


def lines() -> list[str]:
    synsets = INFO.joinpath("imagenet_synsets.txt").read_text("utf-8").split()
    rows = INFO.joinpath("imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines()
    lemmas = dict(row.split("\t", 1) for row in rows)
    return [
        ", ".join(dict.fromkeys([first, *(name.strip() for name in lemmas[synset].split(","))]))
        for first, synset in zip(_IMAGENET_CATEGORIES, synsets, strict=True)
    ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(lines()) + "\n", "utf-8")
