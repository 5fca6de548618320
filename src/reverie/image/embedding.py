"""A recipe inside a picture's file: as XMP in every format, and once more as text in a PNG, where galleries look.

The XMP that the photograph came with (author, rights, what makes a panorama one) stays around it.
"""

from __future__ import annotations

import os
import struct
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reverie.errors import ImageFileError, RecipeError
from reverie.image.opening import opened, printable
from reverie.image.xmp import NOT_XML, Packet

NAMESPACE = "urn:reverie:recipe:1"
_RECIPE = f"{{{NAMESPACE}}}recipe"
_XMP = "http://ns.adobe.com/xap/1.0/"
_TOOL = f"{{{_XMP}}}CreatorTool"
_ORIENTATION = "{http://ns.adobe.com/tiff/1.0/}Orientation"


def read_recipe(path: str | os.PathLike[str]) -> str:
    """The recipe, a TOML text, that `save_image` put into a picture; raises RecipeError if there is none."""
    path = Path(path)
    try:
        picture = opened(path)
    except ImageFileError as error:
        raise RecipeError(str(error)) from None
    recipe = recipe_in(picture.get("xmp-data")) if picture.get_typeof("xmp-data") else None
    if recipe is None:
        raise RecipeError(f"{printable(path)} holds no recipe; expected a picture that Reverie saved")
    return recipe


def recipe_in(packet: bytes) -> str | None:
    """The recipe in an XMP packet, or None. Other tools may have rewritten the packet, elements as attributes too."""
    parsed = Packet.parse(packet)
    return next((value for name, value in parsed.properties() if name == _RECIPE), None) if parsed else None


def packet_with(recipe: str | None, around: bytes | None = None) -> bytes | None:
    """An XMP packet that holds a recipe, inside the packet `around` where that can be read.

    An older recipe in `around` goes, and so does a rotation that has been applied. Raises RecipeError for a recipe that
    holds a character no XML can (TOML forbids the same ones). None if there is nothing to write.
    """
    packet = Packet.parse(around)
    if packet:
        _remove_recipe(packet)
        packet.change(_ORIENTATION, "1")
    if recipe is None:
        return packet.encode() if packet else None
    if NOT_XML.search(recipe):
        raise RecipeError("the recipe holds control characters, which neither TOML nor XMP can")
    packet = packet or Packet()
    tool = {} if any(name == _TOOL for name, _ in packet.properties()) else {_TOOL: f"Reverie {_version()}"}
    packet.add({**tool, _RECIPE: recipe}, {"xmp": _XMP, "reverie": NAMESPACE})
    return packet.encode()


def _remove_recipe(packet: Packet) -> None:
    """Takes away what `packet_with` has put there, wherever other programs have moved it."""
    ours = any(name == _TOOL and value.startswith("Reverie ") for name, value in packet.properties())
    packet.remove({_RECIPE, _TOOL} if ours else {_RECIPE})


def _version() -> str:
    try:
        return version("reverie")
    except PackageNotFoundError:  # run from a folder of sources
        return "unreleased"


def png_with_texts(data: bytes, texts: dict[str, str]) -> bytes:
    """A PNG with texts in iTXt chunks right behind its header.

    libvips would write them as zTXt, whose text is Latin-1; XMP readers look for iTXt (PNG specification, 11.3.3.4).
    """
    chunks = b"".join(png_chunk(b"iTXt", key.encode() + bytes(5) + text.encode()) for key, text in texts.items())
    header = 8 + 25  # the signature and IHDR
    return b"".join((data[:header], chunks, memoryview(data)[header:]))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk: its length, kind, body and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
