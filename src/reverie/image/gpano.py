"""What a file says about the sphere that its picture covers: Google's "Photo Sphere XMP Metadata" (GPano).

Viewers open a picture as a sphere where `ProjectionType` is "equirectangular"; the other fields place it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie.image.xmp import Packet

NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"

FULL = ("FullPanoWidthPixels", "FullPanoHeightPixels")
PART = ("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels")
CORNER = ("CroppedAreaLeftPixels", "CroppedAreaTopPixels")
OURS = ("ProjectionType", "UsePanoramaViewer", *FULL, *PART, *CORNER)

Pair = tuple[int, int]
"""Across and down, in pixels."""


@dataclass(frozen=True)
class Sphere:
    """Where a picture is on a sphere: it is the `part` (width, height) at `corner` (left, top) of the `full` one."""

    full: Pair
    part: Pair
    corner: Pair = (0, 0)

    @classmethod
    def of(cls, width: int, height: int) -> Sphere:
        """A whole sphere."""
        return cls((width, height), (width, height))

    @classmethod
    def read(cls, packet: bytes | None, width: int, height: int) -> Sphere | None:
        """What an XMP packet says of a picture of that size; None where it is no sphere's, or cannot be read.

        The sizes in a file are those of the day it was made: if the picture was resized since, only their ratio counts.
        """
        fields = fields_in(packet)
        if fields.get("ProjectionType") != "equirectangular":
            return None
        try:
            full, part, corner = ((int(fields.get(x, "0")), int(fields.get(y, "0"))) for x, y in (FULL, PART, CORNER))
            part = part if min(part) > 0 else (width, height)
            full = full if min(full) > 0 else part
            return cls(full, part, corner).resized(width / part[0], height / part[1])
        except (ValueError, OverflowError):
            return None

    @property
    def whole(self) -> bool:
        """Whether the picture covers the sphere, to a pixel or a thousandth."""
        return all(full - part <= max(1, full / 1000) for full, part in zip(self.full, self.part, strict=True))

    def resized(self, across: float, down: float) -> Sphere:
        """The same place, the picture so many times as wide and as high."""
        pairs = (self.full, self.part, self.corner)
        return Sphere(*((round(x * across), round(y * down)) for x, y in pairs))

    def written(self, around: bytes | None) -> bytes:
        """An XMP packet that says it, inside the packet `around` where that can be read; the rest of that stays."""
        packet = Packet.parse(around) or Packet()
        packet.remove([f"{{{NAMESPACE}}}{name}" for name in OURS])  # a field said twice would be no XMP
        values = dict(zip((*FULL, *PART, *CORNER), map(str, (*self.full, *self.part, *self.corner)), strict=True))
        values = {"ProjectionType": "equirectangular", "UsePanoramaViewer": "True", **values}
        packet.add({f"{{{NAMESPACE}}}{name}": value for name, value in values.items()}, {"GPano": NAMESPACE})
        return packet.encode()


def fields_in(packet: bytes | None) -> Mapping[str, str]:
    """The GPano fields of a packet, elements or attributes; empty where it cannot be read."""
    parsed, space = Packet.parse(packet), f"{{{NAMESPACE}}}"
    found = parsed.properties() if parsed else ()
    return {name.removeprefix(space): value.strip() for name, value in found if name.startswith(space)}
