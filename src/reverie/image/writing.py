"""Encoding an image with the metadata of the photograph it was made from, and writing the file atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyvips
import torch
from jaxtyping import Float
from torch import Tensor

from reverie._native.files import replace_file
from reverie.errors import ImageFileError, SettingsError
from reverie.image.embedding import build_xmp_packet, insert_png_texts
from reverie.image.formats import AVIF, JPEG, PNG, TIFF, Format, find_format
from reverie.image.opening import (
    DAMAGED_MESSAGE,
    escape_path,
    open_picture,
    silence_libvips,
    translate_libvips_errors,
)
from reverie.image.picture import Picture, quantize_samples
from reverie.image.profiles import PROFILE_FIELD, convert_from_srgb, is_srgb
from reverie.image.reading import Photo, PhotoFile, normalize_samples, read_header
from reverie.types import Image

_MAX_JPEG_XMP_BYTES = 60_000  # bytes; a JPEG segment holds 64 kB, and libvips silently drops XMP that does not fit


def save_image(
    image: Float[Tensor, "b c h w"],
    path: str | os.PathLike[str],
    *,
    like: Photo | None = None,
    recipe: str | None = None,
    quality: int | None = None,
) -> None:
    """Write one image (1, 3, h, w), sRGB, 0 black to 1 white, in the format that the path's ending names.

    A fourth channel, as of what is visualized with `alpha`, is the file's alpha, 0 transparent to 1 opaque.

    `like` is the photograph that the image was made from. The file keeps its

    - alpha, resized to the image; JPEG has none, so the image is laid on white, as a web page would show it;
    - depth: 16 bits in PNG and TIFF, 10 in AVIF, 8 in JPEG and WebP, which have no more;
    - ICC profile, to which the image is converted; without one the file is plain sRGB;
    - EXIF, except in TIFF, and XMP; the orientation becomes upright, since the image is.

    Without `like` the file has 8 bits and no metadata. `recipe` is a TOML text to embed, which `read_recipe` finds
    again; None is the image's own, which a picture that `dream`, `run` or `visualize` made has; "" is none.
    `quality`, 1..100, is for JPEG (default 95), WebP (95) and AVIF (90); JPEG and AVIF are written without chroma
    subsampling. Values outside 0..1 are clamped.

    Raises ImageFileError for an image or a path that cannot be written, and SettingsError for a quality out of range;
    the file that was there before is then untouched.

    >>> import torch
    >>> import reverie as rv
    >>> rv.save_image(torch.rand(1, 3, 20, 30), "noise.png")
    >>> rv.open_image("noise.png").shape
    torch.Size([1, 3, 20, 30])
    """
    path = Path(path)
    form = find_format(path)
    _check_image(image, path, form)
    if quality is not None and not 1 <= quality <= 100:
        raise SettingsError(f"quality is {quality}; expected 1 to 100")
    recipe = (image.recipe if isinstance(image, Picture) and recipe is None else recipe) or None
    packet = build_format_packet(path, form, recipe, like)
    with translate_libvips_errors(path, "cannot be written"):
        _write_encoded(_make_picture(image, form, like), path, recipe, packet, quality)


def copy_picture(path: str | os.PathLike[str], target: str | os.PathLike[str], recipe: str | None = None) -> None:
    """Write an image file in the lossless format that the target's ending names, its samples as they are.

    Its depth, alpha, ICC profile, EXIF and XMP are kept, and a recipe is added; the picture becomes upright. Raises
    ImageFileError where the format is not lossless, or the samples are none that it holds (CMYK, floats).
    """
    path, target = Path(path), Path(target)
    form, header = find_format(target), read_header(path)
    picture = open_picture(path)
    if not keeps_samples(picture, form):
        raise ImageFileError(f"{escape_path(target)} cannot hold the samples of {escape_path(path)} as they are")
    check_format_size(header.size, form)
    packet = build_format_packet(target, form, recipe, header)
    with translate_libvips_errors(path, DAMAGED_MESSAGE):
        upright = normalize_samples(picture.copy_memory().autorot())
        _write_encoded(attach_metadata(upright, header), target, recipe, packet)


def keeps_samples(picture: pyvips.Image, form: Format) -> bool:
    """Return whether a format holds the samples of a picture as they are."""
    whole = picture.format in ("uchar", "ushort") and picture.interpretation in ("srgb", "rgb16", "b-w", "grey16")
    return form.quality is None and whole


def _write_encoded(
    picture: pyvips.Image, path: Path, recipe: str | None, packet: bytes | None, quality: int | None = None
) -> None:
    """Encode a picture in the format of a path, with a recipe and its XMP packet, and write it whole or not at all."""
    form = find_format(path)
    data = _encode_picture(picture, form, quality, None if form is PNG else packet)
    if form is PNG:
        data = insert_png_texts(data, collect_png_texts(packet, recipe))
    with draft_picture(path) as draft:
        draft.write_bytes(data)


def write_picture(picture: pyvips.Image, path: Path) -> None:
    """Write an 8-bit sRGB libvips picture as `save_image` would write an image. Raises ImageFileError."""
    form = find_format(path)
    check_format_size((picture.height, picture.width), form)
    with translate_libvips_errors(path, "cannot be written"):
        data = _encode_picture(attach_metadata(picture, None), form, None, None)
    with draft_picture(path) as draft:
        draft.write_bytes(data)


def _check_image(image: Float[Tensor, "b c h w"], path: Path, form: Format) -> None:
    """Raise ImageFileError for a batch, an empty image, one too large for the format, and NaN or infinite values."""
    shape = tuple(getattr(image, "shape", ()))
    if len(shape) != 4:
        got = f"the shape {shape}" if shape else f"the type {type(image).__name__}"
        raise ImageFileError(f"{escape_path(path)} is not written: got {got}; expected a tensor (1, 3, h, w)")
    batch, channels, height, width = shape
    if channels not in (3, 4):
        raise ImageFileError(f"{escape_path(path)} is not written: an image of {channels} channels; expected 3, or 4")
    if batch != 1:
        raise ImageFileError(f"{escape_path(path)} holds one picture; got a batch of {batch}")
    if not height or not width:
        raise ImageFileError(f"{escape_path(path)} cannot hold a picture of {width} x {height} pixels")
    check_format_size((height, width), form)
    if not torch.isfinite(image).all():
        raise ImageFileError(f"{escape_path(path)} is not written: the image holds values that are not numbers")


def check_format_size(size: tuple[int, int], form: Format) -> None:
    """Raise ImageFileError for a size (height, width) that a format cannot hold."""
    if max(size) > form.max_side:
        got = f"a picture of {size[1]} x {size[0]} does not fit {form.ending}"
        raise ImageFileError(f"{got}, which holds at most {form.max_side} a side; write .png or .tif")


def collect_png_texts(packet: bytes | None, recipe: str | None) -> dict[str, str]:
    """Return the text chunks of a PNG by keyword: the XMP packet, and the recipe where galleries look for it."""
    texts = {"XML:com.adobe.xmp": packet.decode() if packet else None, "parameters": recipe}
    return {key: text for key, text in texts.items() if text is not None}


def build_format_packet(path: Path, form: Format, recipe: str | None, photo: Photo | PhotoFile | None) -> bytes | None:
    """Build the XMP packet of an output file: the photograph's own with the recipe, or None if there is neither.

    In a JPEG that cannot hold both, the photograph's own is dropped. Raises ImageFileError if the recipe alone does not
    fit.
    """
    packet = build_xmp_packet(recipe, photo.xmp if photo else None)
    if packet and form is JPEG and len(packet) > _MAX_JPEG_XMP_BYTES:
        packet = build_xmp_packet(recipe)  # without the photograph's own
        if packet and len(packet) > _MAX_JPEG_XMP_BYTES:
            raise ImageFileError(f"{escape_path(path)}: a JPEG holds no recipe of {len(packet) // 1000} kB; write .png")
    return packet


def _make_picture(image: Float[Tensor, "1 c h w"], form: Format, photo: Photo | None) -> pyvips.Image:
    """Convert an image to a libvips picture with the photograph's alpha, in the file's depth and color profile."""
    depth = photo.depth if photo and form.high_depth else 8
    alpha = _fit_alpha(image, photo.alpha) if photo and photo.alpha is not None else None
    if image.shape[1] == 4:
        image, alpha = image[:, :3], image[:, 3:]
    if alpha is not None and not form.alpha:
        image, alpha = image * alpha + (1 - alpha), None  # on white
    profile = photo.profile if photo else None
    if profile is None or is_srgb(profile):
        picture = quantize_samples(image, depth)
    else:  # 16 bits until the conversion is done, whatever the depth of the file
        picture = convert_from_srgb(quantize_samples(image, 16), profile, depth)
    if alpha is not None:
        picture = picture.bandjoin(quantize_samples(alpha, depth))
    return attach_metadata(picture, photo)


def attach_metadata(picture: pyvips.Image, photo: Photo | PhotoFile | None) -> pyvips.Image:
    """Return a copy of a picture with the photograph's ICC profile and EXIF and upright orientation."""
    picture = picture.copy()
    picture.remove(PROFILE_FIELD)
    for name, blob in ((PROFILE_FIELD, photo and photo.profile), ("exif-data", photo and photo.exif)):
        if blob:
            picture.set_type(pyvips.GValue.blob_type, name, blob)
    picture.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return picture


def _fit_alpha(image: Image, alpha: Float[Tensor, "1 1 y x"]) -> Float[Tensor, "1 1 h w"]:
    """Bring an alpha channel to an image's device and size."""
    alpha = alpha.to(image.device)
    if alpha.shape[2:] == image.shape[2:]:
        return alpha
    return torch.nn.functional.interpolate(alpha, image.shape[2:], mode="bilinear", antialias=True).clamp(0, 1)


def _encode_picture(picture: pyvips.Image, form: Format, quality: int | None, packet: bytes | None) -> bytes:
    """Encode a picture with an XMP packet in a file format."""
    silence_libvips()
    if packet:
        picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
    data: bytes = picture.write_to_buffer(form.ending, **encoder_options(picture, form, quality))
    return data


def encoder_options(picture: pyvips.Image, form: Format, quality: int | None) -> dict[str, object]:
    """Return libvips's options for writing a picture in a format; `quality` None is the format's default."""
    options: dict[str, object] = dict(form.options)
    if form.quality is not None:
        options["Q"] = quality or form.quality
    if form is AVIF:
        options["bitdepth"] = 8 if picture.format == "uchar" else 10
    if form is TIFF:
        size = picture.width * picture.height * picture.bands * (1 if picture.format == "uchar" else 2)
        options["bigtiff"] = size > 2**31  # 32-bit offsets end at 4 GB, and deflated noise is larger than the samples
    return options


@contextmanager
def draft_picture(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` at the end, as `replace_file`; disk errors become ImageFileError."""
    try:
        with replace_file(path) as draft:
            yield draft
    except ImageFileError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageFileError(f"{escape_path(path)} cannot be written: {reason}") from None
