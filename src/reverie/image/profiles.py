"""Conversion of a file's colors to sRGB and back: ICC profiles, CMYK, linear light.

ICC transforms go by way of XYZ in floats, so that 16 bits are not reduced to 8 between.
"""

from __future__ import annotations

import numpy as np
import pyvips

PROFILE_FIELD = "icc-profile-data"

# libvips's interpretations that mean sRGB, or gray with sRGB's transfer curve, or nothing said at all.
_SRGB_INTERPRETATIONS = {"srgb", "rgb", "rgb16", "b-w", "grey16", "multiband", "histogram", "matrix"}
_CONVERSION_OPTIONS = {"intent": "relative", "black_point_compensation": True, "pcs": "xyz"}


def find_usable_profile(colors: pyvips.Image) -> bytes | None:
    """Return the ICC profile embedded in an RGB picture if sRGB can be converted back to it, else None."""
    profile = _read_embedded_profile(colors)
    if profile is None or colors.bands != 3 or profile[16:20] != b"RGB ":
        return None
    try:
        _measure_color_change(profile)
    except pyvips.Error:  # broken, or an input profile, such as a scanner's, that has no inverse
        return None
    return profile


def is_srgb(profile: bytes) -> bool:
    """Return whether a profile moves no color by more than one step of 8 bits: converting would only add noise."""
    return _measure_color_change(profile) <= 257  # 65535 / 255: one step of 8 bits in steps of 16


def convert_to_srgb(colors: pyvips.Image) -> pyvips.Image:
    """Convert color channels (1, 3, or 4 of CMYK, no alpha) to sRGB, or to gray with sRGB's curve.

    Samples have 8, 16 or 32 bits. Floats are taken for linear light, 0 black to 1 white, as libvips and the TIFF files
    of photo editors have it. A profile that is broken or meant for other channels is ignored.
    """
    if colors.format in ("float", "double") and colors.interpretation in _SRGB_INTERPRETATIONS | {"scrgb"}:
        # scRGB has three channels; the copies turn gray into it
        rgb = colors if colors.bands == 3 else colors.bandjoin([colors, colors])
        return rgb.copy(interpretation="scrgb").colourspace("rgb16")
    if _read_embedded_profile(colors) and colors.format in ("uchar", "ushort"):
        colors = _apply_profile(colors)
    return colors if colors.interpretation in _SRGB_INTERPRETATIONS else colors.colourspace("rgb16")


def convert_from_srgb(picture: pyvips.Image, profile: bytes, depth: int) -> pyvips.Image:
    """Convert a 16-bit sRGB picture to the colors of an ICC profile, at a `depth` of 8 or 16 bits."""
    xyz = picture.colourspace("scrgb").colourspace("xyz").copy()
    xyz.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    return xyz.icc_export(depth=depth, **_CONVERSION_OPTIONS)


def _read_embedded_profile(colors: pyvips.Image) -> bytes | None:
    """Return the embedded profile if its header is valid, else None.

    libvips itself would silently use sRGB in place of a broken one.
    """
    profile: bytes = colors.get(PROFILE_FIELD) if colors.get_typeof(PROFILE_FIELD) else b""
    # The ICC header: its signature at byte 36, and the profile's length at its start.
    valid = profile[36:40] == b"acsp" and int.from_bytes(profile[:4], "big") <= len(profile)
    return profile if valid else None


def _apply_profile(colors: pyvips.Image) -> pyvips.Image:
    """Convert colors to 16-bit sRGB by their embedded profile; unchanged where it is sRGB or cannot be applied."""
    profile = find_usable_profile(colors)
    if profile is not None and is_srgb(profile):
        return colors
    try:
        return colors.icc_import(embedded=True, **_CONVERSION_OPTIONS).colourspace("rgb16")
    except pyvips.Error:
        return colors


def _measure_color_change(profile: bytes) -> int:
    """Return the largest change, in steps of 16 bits, that conversion to a profile makes to a lattice of sRGB colors.

    Raises pyvips.Error if the profile cannot be converted to.
    """
    steps = np.linspace(0, 65535, 9).astype(np.uint16)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)  # 9^3 colors
    picture = pyvips.Image.new_from_array(lattice).copy(interpretation="rgb16")
    converted = convert_from_srgb(picture, profile, 16).numpy()
    return int(np.abs(converted.astype(int) - lattice).max())
