"""The settings of moving pictures: films that are dreamed, zooms and morphs, and the file that is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from reverie.settings.fields import CheckedFields

Flow: TypeAlias = Literal["none", "fast", "medium", "fine", "dis"]
LiveFlow: TypeAlias = Literal["none", "fast"]
Hdr: TypeAlias = Literal["map", "refuse"]
Stereo: TypeAlias = Literal["auto", "off", "top-bottom"]
Codec: TypeAlias = Literal["auto", "h264", "h265", "av1", "vp9", "prores", "ffv1"]

FrameStepSize: TypeAlias = Annotated[
    float, Meta(ge=0, le=10, description="size of the steps of such a frame, as a share of step_size")
]
FrameSteps: TypeAlias = Annotated[
    int, Meta(ge=0, le=1_000_000, description="steps in each octave of a frame that begins from the dream before it")
]
Carried: TypeAlias = Annotated[
    float, Meta(ge=0, le=1, description="how much of a frame's dream goes on into the next, 0..1; 0: each is new")
]
Seconds: TypeAlias = Annotated[float, Meta(ge=0.001, le=1_000_000, description="how long it lasts, in seconds")]
Rate: TypeAlias = Annotated[float, Meta(ge=0.1, le=1000, description="frames a second")]
Loop: TypeAlias = Annotated[bool, Meta(description="the end leads to the beginning again, without a jump")]


@dataclass(frozen=True, kw_only=True)
class FilmSettings(CheckedFields):
    """The settings of a film's dream in time; what is dreamed of each frame is said by `Settings`.

    >>> import reverie as rv
    >>> rv.FilmSettings(carry=0.8, flow="fast").strength
    1.0
    """

    carry: Carried = 0.95
    flow: Annotated[
        Flow,
        Meta(description="how motion is measured, along which the dream is carried; fast: at half size; dis is medium"),
    ] = "medium"
    frame_steps: FrameSteps = 3
    frame_step_size: FrameStepSize = 0.8
    strength: Annotated[
        float, Meta(ge=0, le=1, description="how much of the dream is shown over the film, 0..1; no less is dreamed")
    ] = 1.0
    calm: Annotated[bool, Meta(description="limits flashing, the film's own too")] = False
    hdr: Annotated[Hdr, Meta(description="what becomes of high dynamic range, which is written as standard range")] = (
        "map"
    )
    stereo: Annotated[
        Stereo, Meta(description="whether the halves of a frame are the views of two eyes; auto: as the film says")
    ] = "auto"
    start: (
        Annotated[
            str, Meta(description="where in the film to begin, as in 0:10, 90s or 1:02:03.5; unset: its beginning")
        ]
        | None
    ) = None
    end: Annotated[str, Meta(description="where in the film to end; unset: its end")] | None = None
    rate: (
        Annotated[float, Meta(ge=0.1, le=1000, description="frames a second of a folder of pictures; unset: 25")] | None
    ) = None


@dataclass(frozen=True, kw_only=True)
class ZoomSettings(CheckedFields):
    """The settings of a dream that feeds on itself: each frame is the one before, moved and dreamed on.

    >>> import reverie as rv
    >>> rv.ZoomSettings(zoom=1.05, loop=True).seconds
    10.0
    """

    seconds: Seconds = 10.0
    rate: Rate = 25.0
    zoom: Annotated[float, Meta(ge=0.5, le=2, description="how much larger each frame is than the one before")] = 1.02
    rotate: Annotated[float, Meta(ge=-180, le=180, description="degrees each frame turns, counterclockwise")] = 0.0
    shift_x: Annotated[
        float, Meta(ge=-1, le=1, description="how far each frame moves to the right, as a share of the width")
    ] = 0.0
    shift_y: Annotated[
        float, Meta(ge=-1, le=1, description="how far each frame moves down, as a share of the height")
    ] = 0.0
    frame_steps: FrameSteps = 3
    frame_step_size: FrameStepSize = 0.8
    loop: Loop = False


@dataclass(frozen=True, kw_only=True)
class MorphSettings(CheckedFields):
    """The settings of one picture's way through many wishes.

    >>> import reverie as rv
    >>> rv.MorphSettings(seconds=4).carry
    0.95
    """

    seconds: Seconds = 10.0
    rate: Rate = 25.0
    carry: Carried = 0.95
    frame_steps: FrameSteps = 3
    frame_step_size: FrameStepSize = 0.8
    strength: Annotated[
        float, Meta(ge=0, le=1, description="how much of the dream is shown over the picture, 0..1")
    ] = 1.0
    loop: Loop = False


@dataclass(frozen=True, kw_only=True)
class LiveSettings(CheckedFields):
    """The settings of a dream of what a camera sees, while it sees it; what is dreamed of is said by `Settings`.

    >>> import reverie as rv
    >>> rv.LiveSettings(size=256, rate=10).carry
    0.97
    """

    size: Annotated[int, Meta(ge=64, le=1280, description="longest side of the dreamed frames in pixels")] = 320
    rate: Annotated[
        float,
        Meta(ge=1, le=60, description="frames a second to keep up with: each has as many steps as there is time for"),
    ] = 15.0
    steps: (
        Annotated[
            int,
            Meta(ge=0, le=1000, description="steps a frame, which the octaves take in turn; unset: as the rate allows"),
        ]
        | None
    ) = None
    carry: Carried = 0.97
    strength: Annotated[
        float, Meta(ge=0, le=1, description="how much of the dream is shown over the frame, 0..1; no less is dreamed")
    ] = 1.0
    flow: Annotated[
        LiveFlow, Meta(description="fast: the dream goes along with what moves; none: it stays where it is")
    ] = "fast"


@dataclass(frozen=True, kw_only=True)
class Encoding(CheckedFields):
    """How a film is written.

    >>> import reverie as rv
    >>> rv.Encoding(codec="h265", quality=20).lossless
    False
    """

    codec: Annotated[Codec, Meta(description="how pictures are encoded; auto: as suits the file's ending")] = "auto"
    quality: (
        Annotated[
            int,
            Meta(ge=0, le=63, description="the encoder's constant quality (crf), lower is better; unset: 18 of h264"),
        ]
        | None
    ) = None
    lossless: Annotated[bool, Meta(description="every pixel as it was dreamed: large files")] = False
