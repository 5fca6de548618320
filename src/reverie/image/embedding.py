"""Embedding a recipe in an image file's XMP metadata, and reading it back.

The photograph's own XMP (author, rights, panorama fields) is kept. A PNG also holds the recipe as a text chunk called
"parameters", which galleries of generated pictures show.
"""

from __future__ import annotations

import os
import struct
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reverie.errors import ImageFileError, RecipeError
from reverie.image.opening import escape_path, open_picture
from reverie.image.xmp import INVALID_XML_CHARACTER, Packet

RECIPE_NAMESPACE = "urn:reverie:recipe:1"
_RECIPE_PROPERTY = f"{{{RECIPE_NAMESPACE}}}recipe"
_XMP_NAMESPACE = "http://ns.adobe.com/xap/1.0/"
_TOOL_PROPERTY = f"{{{_XMP_NAMESPACE}}}CreatorTool"
_ORIENTATION_PROPERTY = "{http://ns.adobe.com/tiff/1.0/}Orientation"


def read_recipe_text(path: str | os.PathLike[str]) -> str:
    """Read the recipe, a TOML text, that `save_image` embedded in an image file.

    Raises RecipeError for a file that holds none or cannot be read.
    """
    path = Path(path)
    try:
        picture = open_picture(path)
    except ImageFileError as error:
        raise RecipeError(str(error)) from None
    recipe = extract_recipe_text(picture.get("xmp-data")) if picture.get_typeof("xmp-data") else None
    if recipe is None:
        raise RecipeError(f"{escape_path(path)} holds no recipe; expected a picture that Reverie saved")
    return recipe


def extract_recipe_text(packet: bytes) -> str | None:
    """Return the recipe in an XMP packet, or None.

    It is found as an element or as an attribute: other programs may have rewritten the packet either way.
    """
    parsed = Packet.parse(packet)
    return next((value for name, value in parsed.properties() if name == _RECIPE_PROPERTY), None) if parsed else None


def build_xmp_packet(recipe: str | None, existing: bytes | None = None) -> bytes | None:
    """Build an XMP packet that holds a recipe, added to the `existing` packet where that can be parsed.

    An older recipe in `existing` is removed, and its orientation is set to upright, since the rotation has been applied
    to the pixels. Returns None if there is nothing to write. Raises RecipeError for a recipe with a character that XML
    cannot hold (TOML forbids the same ones).
    """
    packet = Packet.parse(existing)
    if packet:
        _remove_recipe(packet)
        packet.change(_ORIENTATION_PROPERTY, "1")
    if recipe is None:
        return packet.encode() if packet else None
    if INVALID_XML_CHARACTER.search(recipe):
        raise RecipeError("the recipe holds control characters, which neither TOML nor XMP can")
    packet = packet or Packet()
    # A tool that the photograph names is its camera or editor: it stays.
    tool = (
        {}
        if any(name == _TOOL_PROPERTY for name, _ in packet.properties())
        else {_TOOL_PROPERTY: f"Reverie {_find_own_version()}"}
    )
    packet.add({**tool, _RECIPE_PROPERTY: recipe}, {"xmp": _XMP_NAMESPACE, "reverie": RECIPE_NAMESPACE})
    return packet.encode()


def _remove_recipe(packet: Packet) -> None:
    """Remove what `build_xmp_packet` has added, wherever other programs have moved it; a foreign creator tool stays."""
    ours = any(name == _TOOL_PROPERTY and value.startswith("Reverie ") for name, value in packet.properties())
    packet.remove({_RECIPE_PROPERTY, _TOOL_PROPERTY} if ours else {_RECIPE_PROPERTY})


def _find_own_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("reverie")
    except PackageNotFoundError:  # run from a folder of sources
        return "unreleased"


def insert_png_texts(data: bytes, texts: dict[str, str]) -> bytes:
    """Insert texts (by keyword) into the bytes of a PNG, as uncompressed iTXt chunks right after its header.

    libvips would write them as zTXt, whose text is Latin-1; XMP readers look for iTXt (PNG specification, 11.3.3.4).
    `data` may be the header alone.
    """
    # The five zero bytes: end of keyword, no compression (flag and method), empty language, empty translated keyword.
    chunks = b"".join(make_png_chunk(b"iTXt", key.encode() + bytes(5) + text.encode()) for key, text in texts.items())
    header = 8 + 25  # the signature and IHDR
    return b"".join((data[:header], chunks, memoryview(data)[header:]))


def make_png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk: the length of its body, its four-letter type, the body and a CRC of type and body."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
