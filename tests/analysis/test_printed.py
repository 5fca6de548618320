"""What an analysis prints as the paper's code does: its own numbers in TensorFlow's, Keras's and NumPy's words."""

from __future__ import annotations

import re

import numpy as np
import torch

from reverie.analysis.analyze import Analysis, AnalysisPlan, PhotoAnalysis
from reverie.analysis.climb import Climb, Snapshot
from reverie.analysis.layers import list_ends, summarize_activations
from reverie.analysis.parameters import Parameters
from reverie.analysis.printed import format_as_printed, format_tensor
from reverie.settings import Settings

VALUES = torch.rand(20, 12, 9, generator=torch.Generator().manual_seed(1))


def analysis_of(*shapes: tuple[int, ...]) -> Analysis:
    layers = tuple(summarize_activations(f"mixed{n}", VALUES[: s[0], : s[1], : s[2]]) for n, s in enumerate(shapes))
    picture = torch.zeros(1, 3, 4, 4)
    snapshots = tuple(Snapshot(0, step, score, picture) for step, score in ((0, 0.61683321), (100, 1.408)))
    photo = PhotoAnalysis("sky.jpg", (4, 4), picture, layers, Climb((), snapshots, picture, 0, 0))
    counts = Parameters({"low": (21_768_000, 34_432), "high": (352, 0)})
    return Analysis("net", "0", "low", Settings(), AnalysisPlan(), counts, (photo,), (), None, {}, None)


def test_the_lines_are_those_of_the_paper() -> None:
    text = format_as_printed(analysis_of((20, 12, 9), (20, 12, 9)))
    means = [np.float32(VALUES.double().mean())] * 2
    for line in [
        "Total params: 21,802,784\nTrainable params: 21,768,352\nNon-trainable params: 34,432\n",
        "ACTIVATION SHAPE =\n (2, 1, 12, 9, 20)\n",
        f"numpy={means[0]!s}>, <tf.Tensor: shape=(), dtype=float32, numpy={means[1]!s}>]\n",
        "LOSSES SHAPE (FROM MULTIPLE ACTIVATION LAYERS) =  (2,)\n",
        f"SUM OF ALL LOSSES (FROM ALL SELECTED LAYERS)=  tf.Tensor({means[0] + means[1]!s}, shape=(), dtype=float32)\n",
        "Step 0, loss 0.6168332099914551\nStep 100, loss 1.4079999923706055\n",
    ]:
        assert line in text
    assert "sky.jpg" not in text  # a name only where there are several


def test_layers_of_two_shapes_are_not_stacked() -> None:
    assert "ACTIVATION SHAPE =\n [(1, 12, 9, 20), (1, 6, 5, 7)]\n" in format_as_printed(
        analysis_of((20, 12, 9), (7, 6, 5))
    )


def test_activations_are_shown_as_numpy_shows_the_whole_array() -> None:
    shown = format_tensor(summarize_activations("mixed3", VALUES))
    with np.printoptions(threshold=0):
        whole = np.array2string(VALUES.permute(1, 2, 0)[None].numpy(), separator=", ", prefix="array(")
    numbers = [re.findall(r"\d\.\d*|\.\.\.", text) for text in (shown.partition("numpy=")[2], whole)]
    assert numbers[0] == numbers[1] and "..." in numbers[0]
    assert list_ends(5) == [0, 1, 2, 3, 4] and list_ends(9) == [0, 1, 2, 6, 7, 8]
