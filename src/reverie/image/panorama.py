"""360° panoramas: what is asked of their files, and how they look from inside.

That a dream goes around a sphere is told by `Settings.panorama`; how it does is `reverie.gradient.sphere`'s.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TypeVar

import torch

from reverie.errors import SettingsError
from reverie.image.gpano import Sphere
from reverie.image.reading import Photo, PhotoFile
from reverie.image.resample import sampled_around
from reverie.settings import Settings
from reverie.types import Image, Resized

log = logging.getLogger("reverie")

AnyPhoto = TypeVar("AnyPhoto", Photo, PhotoFile)


def settled(settings: Settings, photo: Photo | PhotoFile) -> Settings:
    """The settings with "auto" decided: "on" where the photo's file says that it is a whole sphere.

    Raises `SettingsError` for a panorama, said with "on", that is a part of a sphere or not twice as wide as high.
    """
    height, width = photo.size
    sphere = Sphere.read(photo.xmp, width, height)
    if settings.panorama == "on":
        check_sphere(height, width)
        if sphere and not sphere.whole:
            raise SettingsError(f"{part(sphere)}: take --panorama away, or go on all the same with --panorama force")
    if settings.panorama != "auto":
        return settings
    if sphere and not sphere.whole:
        log.warning("%s: dreamed as a flat picture", part(sphere))
    return replace(settings, panorama="on" if sphere and sphere.whole and fits(height, width) else "off")


def part(sphere: Sphere) -> str:
    """What a part of a sphere is, as the head of a sentence."""
    (width, height), (full_width, full_height) = sphere.part, sphere.full
    return f"the picture is a part of a panorama, {width} x {height} pixels of {full_width} x {full_height}"


def fits(height: int, width: int) -> bool:
    """Whether a picture can be a whole sphere."""
    try:
        check_sphere(height, width)
    except SettingsError:
        return False
    return True


def labeled(photo: AnyPhoto, settings: Settings, size: tuple[int, int]) -> AnyPhoto:
    """The photo to save a dream of `size` (height, width) like: its XMP says that the dream is a sphere, if it is."""
    height, width = size
    own_height, own_width = photo.size
    sphere = Sphere.read(photo.xmp, own_width, own_height)
    if settings.around:
        sphere = Sphere.of(width, height)
    elif sphere:
        sphere = sphere.resized(width / own_width, height / own_height)
    return replace(photo, xmp=sphere.written(photo.xmp)) if sphere else photo


def view(image: Image, yaw: float, pitch: float, fov: float, size: tuple[int, int]) -> Resized:
    """What a viewer inside the picture of a sphere sees, (b, 3, height, width) for `size` (height, width).

    `yaw` and `pitch` are degrees to the right of the picture's middle and above the horizon (90 is straight up); `fov`
    is the degrees between the left and the right edge, less than 180.
    """
    if not 0 < fov < 180:
        raise SettingsError(f"a field of view of {fov:g} degrees; expected more than 0 and less than 180")
    height, width = size
    focal = width / 2 / math.tan(math.radians(fov) / 2)
    right = torch.arange(width, device=image.device) + (1 - width) / 2
    up = (height - 1) / 2 - torch.arange(height, device=image.device)
    right, up = torch.meshgrid(right / focal, up / focal, indexing="xy")
    cos, sin = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    ahead, up = cos - sin * up, sin + cos * up
    longitude = torch.atan2(right, ahead) + math.radians(yaw)
    return sampled_around(image, longitude, torch.atan2(up, torch.hypot(right, ahead)))


def check_sphere(height: int, width: int) -> None:
    """Raises `SettingsError` for a picture that cannot be a whole sphere: that is twice as wide as high, to 1 %."""
    if abs(width - 2 * height) > max(2, height / 50):
        raise SettingsError(
            f"a picture of {width} x {height} pixels is {width / height:.3g}:1, and a 360° panorama is 2:1: "
            "take --panorama away, or go on all the same with --panorama force"
        )
