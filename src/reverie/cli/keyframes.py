"""The command that shows keyframes: what changes over a film, before it is dreamed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reverie.cli.flags import MaybeWhole, Words
from reverie.cli.output import Speaking, print_json, print_line, set_manner
from reverie.errors import SettingsError

Sets = Annotated[list[str] | None, Parameter(name="--set", negative="", allow_leading_hyphen=True)]


def show_keyframes(
    keyframes: Path | None = None,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="the picture to write, .png or .pdf")
    ] = None,
    set_: Sets = None,
    objective: Words = None,
    film: Path | None = None,
    frames: MaybeWhole = None,
    rate: float | None = None,
    manner: Speaking = None,
) -> int:
    """Show what changes over a film: a picture of the curves, wishes and masks of keyframes.

    Parameters
    ----------
    keyframes
        A TOML file of keyframes; none: what --set says.
    set_
        A curve, such as "step_size = 0:(0.01), 30:(0.03)"; it wins over the file's. Say it several times.
    objective
        What is dreamed of, where the file says no wishes.
    film
        The film that they are for: its frames, its times and its sound.
    frames
        How many frames the film has. [default: 250]
    rate
        How many frames a second. [default: 25]
    """
    manner = set_manner(manner)
    if keyframes is None and not set_:
        raise SettingsError('no keyframes: name a file of them, or say --set "step_size = 0:(0.01), 30:(0.03)"')
    from reverie.film.keyframes.drawing import check_drawing, draw_schedule
    from reverie.film.keyframes.moments import read_schedule
    from reverie.film.keyframes.table import merge_sets, read_keyframe_file
    from reverie.film.keyframes.times import Clock, format_time
    from reverie.film.looking import listen

    target = output or Path(f"{keyframes.stem if keyframes else 'keyframes'}-curves.png")
    check_drawing(target)
    text = merge_sets(read_keyframe_file(keyframes) if keyframes else "", set_ or [])
    if film is not None and (frames is not None or rate is not None):
        raise SettingsError("--film says how many frames there are, and when: leave out --frames and --rate")
    if film is None:
        clock, sound = Clock.steady(250 if frames is None else frames, 25.0 if rate is None else rate), None
    else:
        clock, sound = listen(film, text)
    draw_schedule(read_schedule(text, clock, sound, objective=objective or ""), target)
    if manner.json:
        print_json({"output": str(target)})
    else:
        print_line(manner, f"{target}: {clock.frames} frames, {format_time(clock.find_second(clock.frames))}")
    return 0
