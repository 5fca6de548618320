"""The catalog of networks known by name; reading it needs no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from reverie.errors import ExtensionError, UnknownName, suggest_names
from reverie.models.extensions import find_code, find_registered, list_registered


@dataclass(frozen=True)
class CatalogEntry:
    """A network known by name: where its code and weights are, and its default objectives."""

    name: str
    about: str
    """One line for the list of models."""
    objective: str
    """The default objective, in the words of the parser."""
    network: str
    """Where its class is: "module:Class"."""
    file: str
    """The name of the weights' file: within the package's data, or in the cache once it is downloaded."""
    digest: str
    """The digest of that file: "sha256:..." or "md5:...", as its publisher gives it."""
    url: str = ""
    """Where the file is downloaded from; empty for one within the package."""
    guided: str = ""
    """The default objective of a dream with a guide image; empty: `objective`."""


ENTRIES = {
    spec.name: spec
    for spec in [
        CatalogEntry(
            name="squeezenet",
            about="SqueezeNet 1.1, ImageNet; 5 MB, comes with the package",
            objective="fire8^2",
            guided="fire9",  # its receptive field holds a whole flower, that of fire8 only its round middle
            network="reverie.models.networks.squeezenet:SqueezeNet",
            file="squeezenet1_1.safetensors",
            digest="sha256:6f1d074c42b7077d2eb7a20bd586697bc12ca8cefeb8726f859ec517fb9c44f8",
        ),
        CatalogEntry(
            name="inception_v3",
            about="the paper's: InceptionV3 without its top, ImageNet; 88 MB, Keras's own file",
            objective="mixed3 + mixed5",
            network="reverie.models.networks.inception_v3:InceptionV3",
            file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            digest="md5:bcbd6486424b2319ff4ef7d526e38f63",
            url="https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
            "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
    ]
}

DEFAULT_MODEL = "squeezenet"

LIBRARIES = {"torchvision": "reverie.models.zoo.torchvision", "timm": "reverie.models.zoo.timm"}
"""Libraries whose networks are known as "library:network", and our modules that load them (see `zoo.load.Library`)."""

KERAS = "keras"
"""The library whose networks, such as "keras:ResNet50", TensorFlow runs."""

KERAS_FILES = (".keras", ".h5", ".hdf5")
"""How the names of files end that hold a whole Keras model."""

ZOO_HELP = """\
Beside these, with the extra "zoo" (pip install 'reverie[zoo]'):
  torchvision:NAME   any classifier of torchvision, such as torchvision:googlenet
  timm:NAME          any network of timm, such as timm:convnext_tiny.fb_in22k
and with the extra "tensorflow":
  keras:NAME         any network of Keras, such as keras:ResNet50
  mine.keras         a Keras model of your own, as model.save wrote it (or .h5)
and code of your own, whose factory returns a network (see docs/extending.md):
  mine.py:NAME       a factory of a file, such as mine.py:make_eye
  MODULE:NAME        a factory of an installed module, such as eyes.networks:make_eye
Unless told, they dream of the square of a block in their middle: see `reverie layers torchvision:googlenet`."""


def names_keras_file(name: str) -> bool:
    """Whether a network's name is that of a file with a whole Keras model."""
    return name.lower().endswith(KERAS_FILES)


def find_entry(name: str) -> CatalogEntry:
    """Find the entry of a name; raises `UnknownName`, which names the nearest ones.

    The entry of another library's network, or of one of the user's own, has no objective: `default_layer` chooses one,
    once the network is loaded. The code of the latter is imported; raises `ExtensionError` where it cannot be.
    """
    if name in ENTRIES:
        return ENTRIES[name]
    if names_keras_file(name):
        return CatalogEntry(name, "a Keras model of one's own", "", "", "", "")
    if ":" in name and name.partition(":")[0] in (*LIBRARIES, KERAS):
        return CatalogEntry(name, f"a network of {name.partition(':')[0]}", "", "", "", "")
    if find_factory(name) is None:
        known = [*ENTRIES, *list_registered("model"), *(f"{library}:NAME" for library in (*LIBRARIES, KERAS))]
        raise UnknownName("model", name, known)
    return CatalogEntry(name, "a network of one's own", "", "", "", "")


def names_code(name: str) -> bool:
    """Whether a network's name says where code is, as "package.module:factory" or "mine.py:factory" does."""
    return ":" in name and name.partition(":")[0] not in (*LIBRARIES, KERAS) and not names_keras_file(name)


def is_own(name: str) -> bool:
    """Whether a name is that of a network of the user's own: of code, or registered."""
    return name not in ENTRIES and (names_code(name) or name in list_registered("model"))


def find_factory(name: str) -> Any | None:
    """The factory of a network of the user's own: registered under the name, or code that it names. None: of neither.

    Raises `ExtensionError` where code cannot be imported.
    """
    if not names_code(name):
        return find_registered("model", name)
    try:  # for the user who meant a library, and mistyped it
        return find_code(name)
    except ExtensionError:
        near = suggest_names(name.partition(":")[0], (*LIBRARIES, KERAS))
        if "did you mean" not in near or "." in name.partition(":")[0]:
            raise
        return None


ENGINES = ("torch", "tensorflow")
"""The frameworks that can run a network."""

RANDOM_WEIGHTS = "random"
"""What `weights` is for an untrained network."""


def make_untrained_digest(name: str, seed: int) -> str:
    """The digest that a recipe stores for an untrained network: a hash of its name and seed, in hexadecimal."""
    return hashlib.sha256(f"{name} untrained, seed {seed}".encode()).hexdigest()
