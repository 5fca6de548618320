"""360° panoramas: recognizing their files, keeping their metadata, and rendering views from inside.

`Settings.panorama` decides whether a dream goes around the sphere; `reverie.gradient.sphere` computes it.
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
from reverie.image.resample import sample_sphere, scale_size
from reverie.settings import Settings
from reverie.types import Image, ResizedImage

log = logging.getLogger("reverie")

AnyPhoto = TypeVar("AnyPhoto", Photo, PhotoFile)


def resolve_panorama(settings: Settings, photo: Photo | PhotoFile) -> Settings:
    """Return the settings with `panorama="auto"` replaced by "on" or "off", and "on" checked against the photo.

    "auto" becomes "on" if the photo's GPano metadata says that it covers the whole sphere. Raises SettingsError if
    `panorama` is "on" and the photo covers only a part of the sphere, or it or its dream is not twice as wide as high.
    """
    height, width = photo.size
    sphere = Sphere.read(photo.xmp, width, height)
    if settings.panorama == "on":
        check_sphere_size(height, width)
        check_sphere_size(*scale_size(photo.size, settings.size))
        if sphere and not sphere.is_whole:
            raise SettingsError(
                f"{describe_sphere_part(sphere)}: take --panorama away, or go on all the same with --panorama force"
            )
    if settings.panorama != "auto":
        return settings
    if sphere and not sphere.is_whole:
        log.warning("%s: dreamed as a flat picture", describe_sphere_part(sphere))
    whole = sphere and sphere.is_whole and is_sphere_size(height, width)
    if whole and not is_sphere_size(*scale_size(photo.size, settings.size)):
        log.warning("a size of %s is not that of a panorama: dreamed as a flat picture", settings.size)
        whole = False
    return replace(settings, panorama="on" if whole else "off")


def describe_sphere_part(sphere: Sphere) -> str:
    """Return the beginning of a sentence that tells which part of a panorama the picture is."""
    (width, height), (full_width, full_height) = sphere.part, sphere.full
    return f"the picture is a part of a panorama, {width} x {height} pixels of {full_width} x {full_height}"


def is_sphere_size(height: int, width: int) -> bool:
    """Return whether a picture of that size can be a whole sphere: about twice as wide as high."""
    try:
        check_sphere_size(height, width)
    except SettingsError:
        return False
    return True


def update_sphere_metadata(photo: AnyPhoto, settings: Settings, size: tuple[int, int]) -> AnyPhoto:
    """Return the photo with the GPano metadata that a dream of it, of `size` (height, width), is to be saved with.

    A dream around the sphere is labeled as a whole sphere, whether or not the photo was. In one of a flat picture the
    place that the photo's metadata gives is scaled to the dream's size.
    """
    height, width = size
    own_height, own_width = photo.size
    sphere = Sphere.read(photo.xmp, own_width, own_height)
    if settings.around:
        sphere = Sphere.of(width, height)
    elif sphere:
        sphere = sphere.scale(width / own_width, height / own_height)
    return replace(photo, xmp=sphere.written(photo.xmp)) if sphere else photo


def render_view(image: Image, yaw: float, pitch: float, fov: float, size: tuple[int, int]) -> ResizedImage:
    """Render the perspective view from inside an equirectangular image: (b, 3, height, width) for `size`.

    `size` is (height, width) in pixels. `yaw` and `pitch` are the direction of the view in degrees, to the right of the
    image's middle and above the horizon (90 is straight up); `fov` is the horizontal field of view in degrees, more
    than 0 and less than 180. Raises SettingsError for other fields of view.
    """
    if not 0 < fov < 180:
        raise SettingsError(f"a field of view of {fov:g} degrees; expected more than 0 and less than 180")
    height, width = size
    focal = width / 2 / math.tan(math.radians(fov) / 2)  # in pixels, of a pinhole camera
    right = torch.arange(width, device=image.device) + (1 - width) / 2
    up = (height - 1) / 2 - torch.arange(height, device=image.device)
    right, up = torch.meshgrid(right / focal, up / focal, indexing="xy")  # (h, w) each; the ray is (right, up, 1)
    cos, sin = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    ahead, up = cos - sin * up, sin + cos * up  # the ray turned by the pitch, about the axis to the right
    longitude = torch.atan2(right, ahead) + math.radians(yaw)
    return sample_sphere(image, longitude, torch.atan2(up, torch.hypot(right, ahead)))


def check_sphere_size(height: int, width: int) -> None:
    """Raise SettingsError for a picture that cannot be a whole sphere: it is not twice as wide as high, to 1 %."""
    if abs(width - 2 * height) > max(2, height / 50):
        raise SettingsError(
            f"a picture of {width} x {height} pixels is {width / height:.3g}:1, and a 360° panorama is 2:1: "
            "take --panorama away, or go on all the same with --panorama force"
        )
