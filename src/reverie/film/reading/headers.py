"""What the first frame of a film in a container tells of the film: how it is turned, whether it is a sphere."""

from __future__ import annotations

import struct
from typing import Any

STEREO = {1: "left-right", 2: "top-bottom"}
"""FFmpeg's numbers of how two eyes share a frame."""


def has_alpha(pixels: Any) -> bool:
    """Whether a format of pixels has an alpha channel."""
    return any(part.is_alpha for part in pixels.components)


def find_side_data(frame: Any, name: str) -> bytes | None:
    """The bytes of a frame's side data of a type."""
    return next((bytes(data) for data in frame.side_data if data.type.name == name), None)


def read_turn(frame: Any) -> tuple[int, bool]:
    """By how many degrees a frame is turned clockwise to be upright, and whether it is mirrored before.

    By its display matrix, rounded to quarters of a turn: x' = a x + c y and y' = b x + d y.
    """
    data = find_side_data(frame, "DISPLAYMATRIX")
    if data is None:
        return 0, False
    a, b, _, c, d = struct.unpack("=5i", data[:20])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    if abs(a) >= abs(b):
        return (0 if a >= 0 else 180), mirrored
    return (90 if b > 0 else 270), mirrored


def read_sphere(frame: Any) -> dict[str, Any]:
    """`spherical` and `stereo` of a film, by the side data that FFmpeg makes of metadata v1 and v2."""
    sphere, stereo = find_side_data(frame, "SPHERICAL"), find_side_data(frame, "STEREO3D")
    return {
        "spherical": sphere is not None and struct.unpack("=i", sphere[:4])[0] == 0,
        "stereo": "" if stereo is None else STEREO.get(struct.unpack("=i", stereo[:4])[0], ""),
    }
