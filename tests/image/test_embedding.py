"""A recipe goes into every format and comes out character for character; what others wrote beside it stays."""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path

import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reverie.errors import ImageFileError, RecipeError
from reverie.image.embedding import build_xmp_packet, extract_recipe_text, read_recipe_text
from reverie.image.formats import WRITABLE_ENDINGS
from reverie.image.reading import read_photo
from reverie.image.writing import save_image

IMAGE = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
RECIPE = 'objective = "fire8^2 + 0.5*fire5:12"\nnote = \'a <b> & "c" ]]> ünï ☃ 🌙\'\r\n\tlast = 1e-3\n\n'

PANORAMA = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'
    b' GPano:ProjectionType="equirectangular"/><!-- a remark --></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("ending", WRITABLE_ENDINGS)
def test_every_format_carries_the_recipe(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    save_image(IMAGE, path, recipe=RECIPE)
    assert read_recipe_text(path) == RECIPE
    save_image(read_photo(path).image, path, like=read_photo(path), recipe="another = 1")
    assert read_recipe_text(path) == "another = 1"


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_any_text_survives_the_packet(recipe: str) -> None:
    for around in (None, PANORAMA, build_xmp_packet("older = 1")):
        packet = build_xmp_packet(recipe, around)
        assert packet is not None
        assert (extract_recipe_text(packet) or "") == recipe
        assert b"older" not in packet


@pytest.mark.parametrize("recipe", ["\x00", "a\x07b", "\x1b[31m", "\ud800", "\uffff"])
def test_what_toml_forbids_is_refused(tmp_path: Path, recipe: str) -> None:
    with pytest.raises(RecipeError, match="control characters"):
        save_image(IMAGE, tmp_path / "x.png", recipe=recipe)
    assert not list(tmp_path.iterdir())


def test_galleries_find_it_in_a_png(tmp_path: Path) -> None:
    save_image(IMAGE, tmp_path / "x.png", recipe=RECIPE)
    data = (tmp_path / "x.png").read_bytes()
    chunks, place = [], 8
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    assert [kind for kind, _ in chunks][:3] == [b"IHDR", b"iTXt", b"iTXt"]
    assert chunks[2][1] == b"parameters" + bytes(5) + RECIPE.encode()
    with PIL.Image.open(tmp_path / "x.png") as opened:
        opened.load()  # checks the sums of the chunks
        assert opened.info["parameters"] == RECIPE


def test_a_long_recipe_fits_or_is_refused(tmp_path: Path) -> None:
    long = "# " + "long " * 20_000
    for ending in set(WRITABLE_ENDINGS) - {".jpg", ".jpeg"}:
        save_image(IMAGE, tmp_path / f"x{ending}", recipe=long)
        assert read_recipe_text(tmp_path / f"x{ending}") == long
    with pytest.raises(ImageFileError, match=r"x\.jpg: a JPEG holds no recipe of 100 kB; write \.png"):
        save_image(IMAGE, tmp_path / "x.jpg", recipe=long)
    nearly = "x" * 59_000
    save_image(IMAGE, tmp_path / "x.jpg", recipe=nearly)
    assert read_recipe_text(tmp_path / "x.jpg") == nearly


@pytest.mark.parametrize("ending", WRITABLE_ENDINGS)
def test_the_photographs_own_xmp_stays(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    save_image(IMAGE, path)
    like = dataclasses.replace(read_photo(path), xmp=PANORAMA)
    save_image(IMAGE, path, like=like, recipe=RECIPE)
    xmp = read_photo(path).xmp
    assert read_recipe_text(path) == RECIPE
    assert xmp is not None
    assert b'GPano:ProjectionType="equirectangular"' in xmp
    assert b'tiff:Orientation="1"' in xmp  # it has been applied
    save_image(IMAGE, path, like=read_photo(path))
    with pytest.raises(RecipeError, match="holds no recipe"):  # the dream's, not this picture's
        read_recipe_text(path)


def test_a_packet_that_another_program_rewrote_is_understood() -> None:
    attribute = (
        b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        b' xmlns:q="urn:reverie:recipe:1" q:recipe="a = 1&#xA;b = &quot;2&quot;"/></rdf:RDF></x:xmpmeta>'
    )
    assert extract_recipe_text(attribute) == 'a = 1\nb = "2"'
    packet = build_xmp_packet("new = 1", attribute)
    assert packet is not None
    assert extract_recipe_text(packet) == "new = 1"


@pytest.mark.parametrize(
    "around",
    [
        b"",
        b"\xff\xfe\x00",
        b"no xml </rdf:RDF>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
        PANORAMA[:200],
        PANORAMA.replace(b"GPano:ProjectionType", b"\x00"),
    ],
)
def test_a_broken_packet_does_not_cost_the_recipe(tmp_path: Path, around: bytes) -> None:
    save_image(IMAGE, tmp_path / "x.tif")
    like = dataclasses.replace(read_photo(tmp_path / "x.tif"), xmp=around)
    save_image(IMAGE, tmp_path / "y.tif", like=like, recipe=RECIPE)
    assert read_recipe_text(tmp_path / "y.tif") == RECIPE
    assert extract_recipe_text(around) is None


def test_a_picture_without_a_recipe_says_so(tmp_path: Path) -> None:
    save_image(IMAGE, tmp_path / "x.png")
    (tmp_path / "text.png").write_text("hello")
    for name, says in (("x.png", "holds no recipe"), ("text.png", "is not a picture"), ("none.png", "does not exist")):
        with pytest.raises(RecipeError, match=says) as caught:
            read_recipe_text(os.fspath(tmp_path / name))
        assert name in str(caught.value)
