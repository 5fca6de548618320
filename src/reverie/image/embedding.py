"""A recipe inside a picture's file: as XMP in every format, and once more as text in a PNG, where galleries look.

The XMP that the photograph came with (author, rights, what makes a panorama one) stays around it.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from reverie.errors import ImageFileError, RecipeError
from reverie.image.opening import opened, printable

NAMESPACE = "urn:reverie:recipe:1"
_RECIPE = f"{{{NAMESPACE}}}recipe"

_OURS = re.compile(rf'<rdf:Description rdf:about="" xmlns:reverie="{NAMESPACE}".*?</rdf:Description>', re.DOTALL)
_TURNED = re.compile(r"""(tiff:Orientation(?:=["']|>))[2-8]""")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


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
    packet = packet.strip(b"\0 \r\n")
    if b"<!D" in packet or b"\0" in packet:  # a document type (or UTF-16, to hide one): nobody's entities are expanded
        return None
    try:
        tree = ElementTree.fromstring(packet)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    for element in tree.iter():
        found = element.text if element.tag == _RECIPE else element.get(_RECIPE)
        if found is not None:
            return found
    return None


def packet_with(recipe: str | None, around: bytes | None = None) -> bytes | None:
    """An XMP packet that holds a recipe, inside the packet `around` where that can be read.

    An older recipe in `around` goes, and so does a rotation that has been applied. Raises RecipeError for a recipe that
    holds a character no XML can (TOML forbids the same ones). None if there is nothing to write.
    """
    text = foreign(around)
    if recipe is None:
        return text.encode() if text else None
    if _NOT_XML.search(recipe):
        raise RecipeError("the recipe holds control characters, which neither TOML nor XMP can")
    packet = _with_recipe(recipe, text or EMPTY)
    return packet if recipe_in(packet) == recipe else _with_recipe(recipe, EMPTY)  # `around` was no XML


def png_with_texts(data: bytes, texts: dict[str, str]) -> bytes:
    """A PNG with texts in iTXt chunks right behind its header.

    libvips would write them as zTXt, whose text is Latin-1; XMP readers look for iTXt (PNG specification, 11.3.3.4).
    """
    chunks = b"".join(png_chunk(b"iTXt", key.encode() + bytes(5) + text.encode()) for key, text in texts.items())
    header = 8 + 25  # the signature and IHDR
    return b"".join((data[:header], chunks, memoryview(data)[header:]))


def foreign(around: bytes | None) -> str | None:
    """What other programs wrote into a packet; None if that cannot be told."""
    try:
        text = (around or b"").strip(b"\0 \r\n").decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    text = _TURNED.sub(r"\g<1>1", _OURS.sub("", text))
    return text if "</rdf:RDF>" in text and NAMESPACE not in text and not _NOT_XML.search(text) else None


def inserted(description: str, packet: str) -> bytes:
    """A packet with one description more."""
    start = packet.rindex("</rdf:RDF>")
    return (packet[:start] + description + packet[start:]).encode()


def _with_recipe(recipe: str, packet: str) -> bytes:
    return inserted(_description(recipe, tool="CreatorTool" not in packet), packet)


def _description(recipe: str, tool: bool) -> str:
    try:
        number = version("reverie")
    except PackageNotFoundError:  # run from a folder of sources
        number = "unreleased"
    creator = f'<xmp:CreatorTool xmlns:xmp="http://ns.adobe.com/xap/1.0/">Reverie {number}</xmp:CreatorTool>'
    body = escape(recipe, {"\r": "&#13;"})  # a bare carriage return would be read back as a newline
    return (
        f'<rdf:Description rdf:about="" xmlns:reverie="{NAMESPACE}">{creator if tool else ""}'
        f"<reverie:recipe>{body}</reverie:recipe></rdf:Description>"
    )


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk: its length, kind, body and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
