"""ICC profiles and the other ways a file spells its colors, to sRGB and back.

The work between is done in float XYZ, so that a picture of 16 bits does not pass through 8.
"""

from __future__ import annotations

import numpy as np
import pyvips

FIELD = "icc-profile-data"

# Already sRGB's curve, or gray with it, as far as the file says.
_PLAIN = {"srgb", "rgb", "rgb16", "b-w", "grey16", "multiband", "histogram", "matrix"}
_CONVERSION = {"intent": "relative", "black_point_compensation": True, "pcs": "xyz"}


def profile_of(colors: pyvips.Image) -> bytes | None:
    """The profile embedded in a picture of three channels, if a picture can be converted back to it."""
    profile = _embedded(colors)
    if profile is None or colors.bands != 3 or profile[16:20] != b"RGB ":
        return None
    try:
        _apart(profile)
    except pyvips.Error:  # broken, or a scanner's: a way in and none back
        return None
    return profile


def is_srgb(profile: bytes) -> bool:
    """Whether a profile moves no color by more than one step of 8 bits: then converting would only add noise."""
    return _apart(profile) <= 257


def to_srgb(colors: pyvips.Image) -> pyvips.Image:
    """Color channels (1, 3, or 4 of CMYK, no alpha) as sRGB or gray with its curve, of 8, 16 or 32 bits.

    Floats are taken for linear light, 0 black to 1 white, as libvips and the TIFF writers of photo editors have it.
    A profile that is broken or belongs to other channels is passed over.
    """
    if colors.format in ("float", "double") and colors.interpretation in _PLAIN | {"scrgb"}:
        three = colors if colors.bands == 3 else colors.bandjoin([colors, colors])
        return three.copy(interpretation="scrgb").colourspace("rgb16")
    if _embedded(colors) and colors.format in ("uchar", "ushort"):
        colors = _by_profile(colors)
    return colors if colors.interpretation in _PLAIN else colors.colourspace("rgb16")


def from_srgb(picture: pyvips.Image, profile: bytes, depth: int) -> pyvips.Image:
    """sRGB of 16 bits in a profile's colors, of `depth` 8 or 16 bits."""
    light = picture.colourspace("scrgb").colourspace("xyz").copy()
    light.set_type(pyvips.GValue.blob_type, FIELD, profile)
    return light.icc_export(depth=depth, **_CONVERSION)


def _embedded(colors: pyvips.Image) -> bytes | None:
    """The profile in a file, if its header is sound: in place of a broken one libvips would take its own sRGB."""
    profile: bytes = colors.get(FIELD) if colors.get_typeof(FIELD) else b""
    sound = profile[36:40] == b"acsp" and int.from_bytes(profile[:4], "big") <= len(profile)
    return profile if sound else None


def _by_profile(colors: pyvips.Image) -> pyvips.Image:
    profile = profile_of(colors)
    if profile is not None and is_srgb(profile):
        return colors
    try:
        return colors.icc_import(embedded=True, **_CONVERSION).colourspace("rgb16")
    except pyvips.Error:
        return colors


def _apart(profile: bytes) -> int:
    """How far a profile takes a lattice of sRGB colors away, in steps of 16 bits; raises pyvips.Error if it cannot."""
    steps = np.linspace(0, 65535, 9).astype(np.uint16)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    picture = pyvips.Image.new_from_array(lattice).copy(interpretation="rgb16")
    there = from_srgb(picture, profile, 16).numpy()
    return int(np.abs(there.astype(int) - lattice).max())
