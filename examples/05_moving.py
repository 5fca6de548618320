"""Moving pictures: a zoom into a photo's dream, and a film dreamed frame by frame, of a clip made here.

Run it as `python examples/05_moving.py [PHOTO [DREAM]]`; DREAM is the film's last frame, the films lie beside it.
"""

import sys
from pathlib import Path

import av
import numpy as np
import PIL.Image

import reverie as rv

photo = sys.argv[1] if len(sys.argv) > 1 else "examples/astronaut.jpg"
output = Path(sys.argv[2] if len(sys.argv) > 2 else "moving.png")


def write_pan(path: Path, seconds: float = 0.4, rate: int = 25) -> Path:
    """A clip of the photo that wanders by two pixels a frame; any film of yours will do."""
    pixels = np.asarray(PIL.Image.open(photo).convert("RGB"))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2, "yuv420p"
        for number in range(round(seconds * rate)):
            moved = np.roll(pixels, 2 * number, axis=1)[: stream.height, : stream.width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(moved), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make(recipe: rv.FilmRecipe, target: Path) -> rv.FilmRun:
    """A film by its recipe; what was made of it before, and stopped, is gone on with."""
    run = rv.prepare_film(rv.FilmJob(recipe, target))
    for progress in run:
        print(f"{target.name}: {progress.place}")
    run.save()
    return run


style = rv.Settings(octaves=2, steps=8)

zoom = rv.Recipe(photo, objective="fire8^2", settings=style)
make(rv.FilmRecipe(zoom, rv.ZoomSettings(seconds=0.4, zoom=1.05, loop=True)), output.with_name("zoom.mp4"))

clip = write_pan(output.with_name("clip.mp4"))
film = rv.Recipe(str(clip), objective="fire8^2", settings=style)
run = make(rv.FilmRecipe(film, rv.FilmSettings(carry=0.9)), output.with_name("film.mp4"))
rv.save_image(run.image(), output)  # the last frame
