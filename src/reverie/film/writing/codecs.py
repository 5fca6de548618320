"""How pictures are encoded: which encoder, which options, which arrangement of the samples."""

from __future__ import annotations

from dataclasses import dataclass, field

from reverie.errors import SettingsError
from reverie.settings.film import Encoding

THREADS = 4
"""Threads of an encoder. Their number decides what some of them write, so it is the same on every machine."""


@dataclass(frozen=True)
class Codec:
    """A way of encoding pictures."""

    name: str
    title: str
    encoder: str
    """FFmpeg's name of the encoder."""
    quality: int | None = None
    """The default of the constant quality (crf); None: the codec has none."""
    worst: int = 0
    """The largest crf that the encoder takes."""
    options: dict[str, str] = field(default_factory=dict)
    segment: str = "nut"
    """The container of a segment. NUT keeps every time base exactly; ProRes and alpha beside VP9 do not fit it."""


# cpu-independent, frame-threads, slices, lp: else the bytes would follow the processor or the number of its cores.
H264 = Codec("h264", "H.264", "libx264", 18, 51, {"x264-params": "cpu-independent=1"})
H265 = Codec("h265", "H.265", "libx265", 20, 51, {"x265-params": "log-level=none:info=0:frame-threads=2"})
AV1 = Codec("av1", "AV1", "libsvtav1", 28, 63, {"preset": "8", "svtav1-params": "lp=2"})
VP9 = Codec("vp9", "VP9", "libvpx-vp9", 24, 63, {"b": "0", "cpu-used": "2"})
PRORES = Codec("prores", "ProRes 4444", "prores_ks", options={"profile": "4444", "vendor": "apl0"}, segment="mov")
FFV1 = Codec("ffv1", "FFV1", "ffv1", options={"level": "3", "slices": "4", "slicecrc": "1", "g": "1"})
CODECS = {each.name: each for each in (H264, H265, AV1, VP9, PRORES, FFV1)}

WITH_ALPHA = ("prores", "vp9", "ffv1")
LOSSLESS = ("h264", "h265", "vp9", "ffv1")
CHROMA_NEEDS_EVEN = ("h264", "h265")
"""Codecs that halve the chroma of even sizes only: their headers crop whole chroma samples."""


@dataclass(frozen=True)
class EncoderChoice:
    """What an encoder is opened with. `pixels` is FFmpeg's name of how samples are arranged."""

    encoder: str
    pixels: str
    options: dict[str, str]
    segment: str

    @property
    def is_rgb(self) -> bool:
        """Whether the samples are red, green and blue, so that no color matrix is applied."""
        return self.pixels.startswith(("rgb", "bgr", "gbr"))

    @property
    def is_deep(self) -> bool:
        """Whether a sample has more than 8 bits."""
        return self.pixels.endswith("le")


def check_quality(codec: Codec, encoding: Encoding, alpha: bool) -> None:
    """Raise SettingsError for a quality or losslessness that a codec does not have."""
    if encoding.lossless and alpha and codec.name != "ffv1":
        raise SettingsError(f"{codec.title} is not lossless with transparency; expected ffv1, in .mkv")
    if encoding.lossless and codec.name not in LOSSLESS:
        able = ", ".join(name for name in LOSSLESS)
        raise SettingsError(f"{codec.title} is not lossless here; expected one of {able}")
    if encoding.quality is None:
        return
    if codec.quality is None:
        raise SettingsError(f"{codec.title} has no quality to choose; leave it unset")
    if encoding.lossless:
        raise SettingsError("a film is lossless or has a quality; expected one of the two")
    if encoding.quality > codec.worst:
        raise SettingsError(f"quality is {encoding.quality}; expected 0 to {codec.worst} for {codec.title}")


def choose_pixels(codec: str, lossless: bool, alpha: bool, depth: int, even: bool) -> str:
    """Name the arrangement of the samples: FFmpeg's pixel format.

    `even` says whether both sides are; `depth` is the bits of a channel that are worth keeping.
    """
    deep = depth > 8
    if codec == "ffv1":
        return ("gbrap16le" if alpha else "gbrp16le") if deep else ("bgra" if alpha else "bgr0")
    if codec == "prores":
        return "yuva444p10le" if alpha else "yuv444p10le"
    if codec == "vp9" and alpha:
        return "yuva420p"
    if lossless:
        return "rgb24" if codec == "h264" else "gbrp12le" if deep else "gbrp"
    sampling = "420" if even or codec not in CHROMA_NEEDS_EVEN else "444"
    return f"yuv{sampling}p" + ("10le" if deep and codec != "h264" else "")


def choose_encoder(codec: Codec, encoding: Encoding, pixels: str) -> EncoderChoice:
    """Choose the encoder of a codec for an arrangement of samples, with its options."""
    options = dict(codec.options)
    encoder = "libx264rgb" if pixels == "rgb24" else codec.encoder
    if encoding.lossless and codec.name == "h264":
        options["crf"] = "0"
    elif encoding.lossless and codec.name == "h265":
        options["x265-params"] += ":lossless=1"
    elif encoding.lossless and codec.name == "vp9":
        options["lossless"] = "1"
    elif codec.quality is not None:
        options["crf"] = str(codec.quality if encoding.quality is None else encoding.quality)
    # Beside VP9 the alpha is a second stream of VP9, which among containers only Matroska knows.
    segment = "matroska" if pixels == "yuva420p" else codec.segment
    return EncoderChoice(encoder, pixels, options, segment)
