"""Pictures between files and tensors: the first of the two borders where an image is converted.

    sky.jpg --read_photo--> Photo(image, alpha, depth, profile, ...)
                               |
                            the dream --save_image(image, ..., like=photo)--> dream.png

`opening` and `reading` decode files, `arrays` takes what is in memory already, `profiles` knows ICC, `embedding` puts a
recipe into a file and finds it again, `xmp` reads and edits the packet around it, `formats`
and `writing` encode. The decoding and encoding itself is libvips's.
"""

from __future__ import annotations

from reverie.image.arrays import open_image
from reverie.image.embedding import read_recipe
from reverie.image.formats import ENDINGS, check_output
from reverie.image.gpano import Sphere
from reverie.image.reading import MOST_PIXELS, Photo, PhotoFile, read_header, read_photo
from reverie.image.writing import save_image

__all__ = [
    "ENDINGS",
    "MOST_PIXELS",
    "Photo",
    "PhotoFile",
    "Sphere",
    "check_output",
    "open_image",
    "read_header",
    "read_photo",
    "read_recipe",
    "save_image",
]
