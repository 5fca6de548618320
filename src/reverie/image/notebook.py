"""Pictures in a notebook, side by side, each with a label below."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from reverie.errors import SettingsError
from reverie.image.arrays import open_image
from reverie.image.contact_sheet import SheetLayout, arrange_sheet
from reverie.image.picture import SHOWN_SIDE, quantize_samples
from reverie.image.resample import image_size, limit_longest_side

SMALLEST_SHOWN = 128
"""The side in pixels below which pictures are not shrunk to the size of the smallest beside them."""


def show(*pictures: Any, labels: Sequence[str] = (), columns: int | None = None) -> None:
    """Shows pictures side by side in a notebook, each with its label below.

    `pictures`: whatever `open_image` takes; of a batch (b, 3, h, w) each is shown. Those that are larger than the
    smallest are shown as small, but not below 128 pixels. `labels`: one for each picture, or none. `columns`: how many
    stand in a row; None: all of them.

    Raises `SettingsError` outside of a notebook, and where the labels are not as many as the pictures, `ImageFileError`
    for what is no picture.

    >>> import reverie as rv
    >>> rv.show("examples/astronaut.jpg", labels=["an astronaut"])
    Traceback (most recent call last):
    ...
    reverie.errors.SettingsError: pictures are shown in a notebook, and this is none; write them with rv.save_image
    """
    images = [image[None] for picture in pictures for image in open_image(picture)]
    if not images or len(labels) not in (0, len(images)):
        raise SettingsError(f"{len(labels)} labels for {len(images)} pictures; expected one for each, or none")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not hasattr(shell, "kernel"):
        raise SettingsError("pictures are shown in a notebook, and this is none; write them with rv.save_image")
    from IPython.display import Image, display

    longest = max(SMALLEST_SHOWN, min(max(image_size(image)) for image in images))
    sheet = arrange_sheet(
        [quantize_samples(limit_longest_side(image, longest), 8) for image in images],
        labels or [""] * len(images),
        SheetLayout(columns or len(images), lines=1 if labels else 0),
    )
    if max(sheet.width, sheet.height) > SHOWN_SIDE:
        sheet = sheet.thumbnail_image(SHOWN_SIDE, height=SHOWN_SIDE)
    data = sheet.write_to_buffer(".jpg", Q=90, subsample_mode="off")  # a notebook of PNGs would be ten times as large
    display(Image(data=data, format="jpeg"))  # type: ignore[no-untyped-call]
