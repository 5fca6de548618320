"""Google's "Photo Sphere XMP Metadata" (GPano): which part of the sphere an equirectangular picture covers.

Viewers show a picture as a sphere if its `ProjectionType` is "equirectangular"; the other fields place it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie.image.xmp import Packet

GPANO_NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"

FULL_FIELDS = ("FullPanoWidthPixels", "FullPanoHeightPixels")
PART_FIELDS = ("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels")
CORNER_FIELDS = ("CroppedAreaLeftPixels", "CroppedAreaTopPixels")
WRITTEN_FIELDS = ("ProjectionType", "UsePanoramaViewer", *FULL_FIELDS, *PART_FIELDS, *CORNER_FIELDS)

PixelPair = tuple[int, int]
"""Horizontal and vertical, in pixels: in the order of GPano's fields, not as a (height, width) elsewhere."""


@dataclass(frozen=True)
class Sphere:
    """The place of a picture on the sphere, as GPano describes it.

    The picture is the `part` (width, height) whose upper left corner lies at `corner` (left, top) of the `full`
    equirectangular panorama (width, height), all in pixels.
    """

    full: PixelPair
    part: PixelPair
    corner: PixelPair = (0, 0)

    @classmethod
    def of(cls, width: int, height: int) -> Sphere:
        """Make the place of a picture that covers the whole sphere."""
        return cls((width, height), (width, height))

    @classmethod
    def read(cls, packet: bytes | None, width: int, height: int) -> Sphere | None:
        """Read the place from the XMP packet of a picture of that size.

        None for a picture that is not equirectangular and for a packet that cannot be parsed. If the picture was
        resized since its metadata was written, the fields are scaled to the present size.
        """
        fields = read_gpano_fields(packet)
        if fields.get("ProjectionType") != "equirectangular":
            return None
        try:
            full, part, corner = (
                (int(fields.get(x, "0")), int(fields.get(y, "0"))) for x, y in (FULL_FIELDS, PART_FIELDS, CORNER_FIELDS)
            )
            # Fields that are missing: the picture is all of the part, and the part is the whole sphere.
            part = part if min(part) > 0 else (width, height)
            full = full if min(full) > 0 else part
            return cls(full, part, corner).scale(width / part[0], height / part[1])
        except (ValueError, OverflowError):
            return None

    @property
    def is_whole(self) -> bool:
        """Whether the picture covers the whole sphere, to a pixel or a thousandth of each side."""
        return all(full - part <= max(1, full / 1000) for full, part in zip(self.full, self.part, strict=True))

    def scale(self, horizontal: float, vertical: float) -> Sphere:
        """Return the same place for the picture resized by two factors."""
        pairs = (self.full, self.part, self.corner)
        return Sphere(*((round(x * horizontal), round(y * vertical)) for x, y in pairs))

    def written(self, existing: bytes | None) -> bytes:
        """Return an XMP packet with these fields, the `existing` packet otherwise kept where it can be parsed."""
        packet = Packet.parse(existing) or Packet()
        packet.remove([f"{{{GPANO_NAMESPACE}}}{name}" for name in WRITTEN_FIELDS])  # XMP allows every property once
        values = dict(
            zip(
                (*FULL_FIELDS, *PART_FIELDS, *CORNER_FIELDS),
                map(str, (*self.full, *self.part, *self.corner)),
                strict=True,
            )
        )
        values = {"ProjectionType": "equirectangular", "UsePanoramaViewer": "True", **values}
        packet.add(
            {f"{{{GPANO_NAMESPACE}}}{name}": value for name, value in values.items()}, {"GPano": GPANO_NAMESPACE}
        )
        return packet.encode()


def read_gpano_fields(packet: bytes | None) -> Mapping[str, str]:
    """Return the GPano fields of an XMP packet by name, elements or attributes; empty if it cannot be parsed."""
    parsed, prefix = Packet.parse(packet), f"{{{GPANO_NAMESPACE}}}"
    found = parsed.properties() if parsed else ()
    return {name.removeprefix(prefix): value.strip() for name, value in found if name.startswith(prefix)}
