"""What of a film is made by itself: shots, which know nothing of each other, and their segments, one after another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SEGMENT = 48
"""The most frames of a segment, and what a kill can lose.

It is fixed, so that a film is the same to the byte however often it was stopped.
"""


@dataclass(frozen=True)
class Segment:
    """Frames `first` to `first + count - 1` of a film, written as one piece; `opens`: they begin shot `shot`."""

    number: int
    first: int
    count: int
    shot: int
    opens: bool


def plan_segments(cuts: Sequence[int], count: int) -> list[Segment]:
    """The segments of a film of so many frames, in order; `cuts` are the frames that begin a new shot."""
    segments: list[Segment] = []
    for shot, (first, end) in enumerate(pairwise([0, *cuts, count])):
        for begin in range(first, end, SEGMENT):
            length = min(SEGMENT, end - begin)
            segments.append(Segment(len(segments), begin, length, shot, begin == first))
    return segments


def list_shots(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments shot by shot: each list is a piece of work that needs none of the others."""
    shots: dict[int, list[Segment]] = {}
    for segment in segments:
        shots.setdefault(segment.shot, []).append(segment)
    return list(shots.values())


def derive_seed(seed: int, number: int) -> int:
    """What chance begins from in a frame: made of the run's seed and the frame's number, never of who dreams it."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:7])
