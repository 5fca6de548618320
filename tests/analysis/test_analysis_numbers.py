"""The numbers of an analysis are those that direct computation gives."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from reverie.analysis import variants as variants_module
from reverie.analysis.climb import Climb, record_climb
from reverie.analysis.flops import count_step_flops
from reverie.analysis.layers import measure_layers, summarize_activations
from reverie.analysis.machine import inspect_machine, measure_matmul_peak
from reverie.analysis.parameters import Parameters
from reverie.analysis.timing import (
    STEPS_A_TURN,
    Spread,
    TimedStep,
    Timing,
    compute_turn_ratios,
    find_turn_order,
    take_turns,
    time_variants,
)
from reverie.analysis.variants import Variant, load_variants
from reverie.ascent.octaves import dream_steps
from reverie.errors import MissingExtra, SettingsError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.compose import dream_gradient
from reverie.models.load import load_model
from reverie.objectives.base import layer
from reverie.settings import Settings
from reverie.types import Activations, Image, Model
from runs import make_run

WISH = layer("fire2") + layer("fire3")
SETTINGS = Settings(octaves=2, steps=3, jitter=4, seed=5)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("squeezenet", weights="random", seed=1, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def image() -> Image:
    return 0.3 + 0.4 * torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def climb(model: Model, image: Image) -> Climb:
    return record_climb(make_run(image, model, WISH, SETTINGS), (0, 2, 3))


def test_parameters_of_the_paper() -> None:
    network = load_model("inception_v3", weights="random", device="cpu", precision="float32")
    own = Parameters.of(network)
    assert (own.total, own.trainable, own.non_trainable) == (21_802_784, 21_768_352, 34_432)
    assert sum(map(sum, own.blocks.values())) == own.total


def test_layer_statistics_are_those_of_numpy(model: Model, image: Image) -> None:
    for found in measure_layers(model, image, ["fire3", "fire2"]):
        with torch.no_grad():
            direct = model(image, [found.layer])[found.layer][0].numpy().astype(np.float64)
        assert found.shape == direct.shape
        assert found.mean == pytest.approx(direct.mean(), rel=1e-6)
        assert found.deviation == pytest.approx(direct.std(), rel=1e-6)
        assert found.zeros == pytest.approx((direct == 0).mean(), abs=1e-9)
        assert 0 < found.zeros < 1
        assert (found.least, found.most) == pytest.approx((direct.min(), direct.max()))
        counts, _ = np.histogram(direct, len(found.counts))
        assert sum(found.counts) == direct.size
        assert np.abs(np.subtract(found.counts, counts)).sum() <= 4  # a value on the edge of a bin may fall either way
        means = direct.mean((1, 2))
        channels = [channel for channel, _ in found.strongest]
        assert set(channels) == set(np.argsort(means)[::-1][: len(channels)])
        assert [mean for _, mean in found.strongest] == pytest.approx(sorted(means, reverse=True)[: len(channels)])
        assert np.allclose(found.maps.numpy(), direct[channels])


def test_layers_come_lowest_first(model: Model, image: Image) -> None:
    assert [each.layer for each in measure_layers(model, image, {"fire3", "conv1"})] == ["conv1", "fire3"]
    assert measure_layers(model, image, ["image"]) == []


def test_a_dead_layer_has_statistics() -> None:
    found = summarize_activations("dead", torch.zeros(3, 2, 2))
    assert (found.mean, found.deviation, found.zeros, sum(found.counts)) == (0, 0, 1, 12)


def test_operations_are_counted_by_hand(model: Model, image: Image) -> None:
    height, width = (40 - 3) // 2 + 1, (56 - 3) // 2 + 1  # conv1: 64 kernels of 3x3x3 at stride 2
    by_hand = 2 * 64 * 3 * 9 * height * width
    for _ in range(4):  # once its weights are in oneDNN's layout, a step's convolutions are hidden from the counter
        gradient_of(model, layer("conv1"))(image)
    counted = count_step_flops(model, layer("conv1"), image)
    assert counted is not None
    assert (counted.forward, counted.step) == (by_hand, 2 * by_hand)


class Foreign:
    """A network whose work torch does not see: it is done in another thread, where nobody counts."""

    def __init__(self, name: str, model: Model) -> None:
        self.name, self.model = name, model
        self.layers, self.device, self.precision = model.layers, model.device, model.precision
        self.digest, self.parameters = model.digest, model.parameters

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self.answer, image, layers).result()

    def answer(self, image: Image, layers: Collection[str]) -> Activations:
        with torch.no_grad():
            return self.model(image, layers)


def test_a_network_of_another_framework_is_counted_on_its_twin(model: Model, image: Image) -> None:
    counted = count_step_flops(model, WISH, image)
    assert counted is not None
    assert count_step_flops(Foreign("squeezenet", model), WISH, image) == counted
    assert count_step_flops(Foreign("keras:Unheard", model), WISH, image) is None


def test_scores_are_those_of_the_dream(model: Model, image: Image, climb: Climb) -> None:
    steps = list(dream_steps(image, dream_gradient(model, WISH, SETTINGS), SETTINGS))
    scores = [[float(step.score) for step in steps if step.octave == octave] for octave in (0, 1)]
    assert [octave.scores for octave in climb.octaves] == scores
    assert [octave.size for octave in climb.octaves] == [(31, 43), (40, 56)]


def test_snapshots_are_the_pictures_at_their_steps(model: Model, image: Image, climb: Climb) -> None:
    assert [(each.octave, each.step) for each in climb.snapshots] == [(0, 0), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3)]
    assert torch.allclose(climb.snapshots[0].picture, image, atol=1e-6)
    steps = list(dream_steps(image, dream_gradient(model, WISH, SETTINGS), SETTINGS))
    score = make_score_function(model, WISH)
    for each, number in ((climb.snapshots[4], 4), (climb.snapshots[5], 5)):
        assert torch.equal(each.picture, steps[number].image)
        assert each.score == pytest.approx(float(score(steps[number].image)))
    assert torch.equal(climb.picture, steps[-1].image)
    assert climb.score_start == pytest.approx(float(score(image)))
    assert climb.score_end == climb.snapshots[5].score > climb.snapshots[0].score


def test_what_an_octave_left_is_what_the_next_begins_with(climb: Climb) -> None:
    left, begun = climb.snapshots[2].picture, climb.snapshots[3].picture
    assert (left - begun).abs().mean() < 0.01


def test_steps_beyond_the_last_become_it(
    model: Model, image: Image, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("reverie"), "propagate", True)
    found = record_climb(make_run(image, model, WISH, Settings(octaves=1, steps=2)), (0, 100, 200))
    assert [each.step for each in found.snapshots] == [0, 2]
    assert "there are 2 steps in an octave: the picture at 100, 200" in caplog.text


def test_an_octave_that_ends_early_shows_where(model: Model, image: Image) -> None:
    found = record_climb(make_run(image, model, WISH, Settings(octaves=1, steps=9, max_score=0.0)), (0, 9))
    assert [each.step for each in found.snapshots] == [0, 1]


def test_a_negative_step_is_refused(model: Model, image: Image) -> None:
    with pytest.raises(SettingsError, match="at is -1"):
        record_climb(make_run(image, model, WISH, SETTINGS), (0, -1))


def test_variants_take_turns() -> None:
    told: list[str] = []
    ticks = iter(range(1000))
    steppers = {name: lambda name=name: told.append(name) for name in "AB"}
    samples = take_turns(steppers, turns=3, clock=lambda: float(next(ticks)))
    assert told == (["A"] * STEPS_A_TURN + ["B"] * STEPS_A_TURN) * 3
    assert [each.variant for each in samples] == told
    assert [each.seconds for each in samples] == [1] * len(told)
    assert all(one.began < other.began for one, other in pairwise(samples))


def test_ratios_compare_the_steps_of_one_turn() -> None:
    times = {"A": [[1, 1, 9], [10, 10, 10]], "B": [[2, 2, 2], [5, 5, 99]]}
    samples = [
        TimedStep(name, turn, 0.0, float(seconds))
        for name, turns in times.items()
        for turn, each in enumerate(turns)
        for seconds in each
    ]
    assert compute_turn_ratios(samples, "B", "A") == [2, 0.5]
    assert compute_turn_ratios(samples, "A", "A") == [1, 1]


def test_spread_of_numbers() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert Spread.of(values) == Spread(statistics.median(values), 2, 4, 1, 5)
    assert Spread.of([7.0]) == Spread(7, 7, 7, 7, 7)


@pytest.fixture(scope="module")
def timings(model: Model, image: Image) -> list[Timing]:
    other = load_model("squeezenet", weights="random", seed=1, device="cpu", precision="bfloat16")
    return time_variants(
        [Variant("torch", model), Variant("torch", other)], make_run(image, model, WISH, SETTINGS), turns=2
    )


def test_timings_agree_with_their_samples(timings: list[Timing]) -> None:
    assert [timing.variant for timing in timings] == ["torch cpu float32", "torch cpu bfloat16"]
    assert find_turn_order(timings) == ["torch cpu float32", "torch cpu bfloat16"] * 2
    for timing in timings:
        seconds = [each.seconds for each in timing.samples]
        assert len(seconds) == 2 * STEPS_A_TURN
        assert timing.seconds.median == pytest.approx(statistics.median(seconds))
        assert 0 < timing.seconds.least <= timing.seconds.low <= timing.seconds.high <= timing.seconds.most
        assert timing.peak > 0


def test_variants_are_held_against_the_first(timings: list[Timing], model: Model, image: Image) -> None:
    first, second = timings
    assert first.ratio == Spread(1, 1, 1, 1, 1)
    assert first.cosine == pytest.approx(1)
    assert 0.9 < second.cosine < 1
    assert first.score == pytest.approx(float(make_score_function(model, WISH)(image)))
    assert second.score == pytest.approx(first.score, rel=0.02)


def offering(pairs: set[tuple[str, str]]) -> Any:
    """A `load_model` that offers these engines in these precisions only."""

    def load(name: str, *, engine: str, device: str, precision: str, **how: Any) -> Model:
        if (engine, precision) not in pairs:
            raise SettingsError(f"{engine} has no {precision}")
        return load_model(name, device=device, precision=precision, **how)

    return load


def test_a_way_that_an_engine_lacks_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("reverie"), "propagate", True)
    pairs = {("torch", "float32"), ("torch", "bfloat16"), ("tensorflow", "float32")}
    monkeypatch.setattr(variants_module, "load_model", offering(pairs))
    ways = (["torch", "tensorflow"], ["cpu"], ["float32", "bfloat16"])
    found = load_variants("squeezenet", *ways, weights="random")
    assert [each.name for each in found] == ["torch cpu float32", "torch cpu bfloat16", "tensorflow cpu float32"]
    assert "left out: tensorflow has no bfloat16" in caplog.text


def test_an_engine_that_cannot_run_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants_module, "load_model", offering({("torch", "float32")}))
    with pytest.raises(SettingsError, match="tensorflow has no float32"):
        load_variants("squeezenet", ["torch", "tensorflow"], ["cpu"], ["float32"], weights="random")


def test_an_engine_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, **how: Any) -> Model:
        raise MissingExtra("the TensorFlow engine", "tensorflow")

    monkeypatch.setattr(variants_module, "load_model", load)
    with pytest.raises(MissingExtra, match="extra 'tensorflow'"):
        load_variants("squeezenet", ["tensorflow"], ["cpu"], ["float32"])


def test_the_same_way_twice_is_one() -> None:
    found = load_variants("squeezenet", ["torch"], ["cpu", "auto", "cpu"], ["float32"], weights="random")
    assert len({each.name for each in found}) == len(found)


def test_the_machine_is_told() -> None:
    known = inspect_machine({"torch"})
    assert known["processor"]
    assert known["cores"] >= 1
    assert known["versions"]["torch"] == torch.__version__.split("+")[0]
    assert "tensorflow" not in known["versions"]
    assert measure_matmul_peak(torch.device("cpu"), "float32", repeats=1, side=64) > 0
