"""What a camera sees, dreamed while it sees it: it stays, goes along, lets go, begins anew, and obeys."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import reverie as rv
from reverie.errors import ImageFileError, UnknownName
from reverie.film.live_motion import Watcher
from reverie.film.live_steps import Pace
from reverie.models.torch_model import TorchModel

Frame = NDArray[np.uint8]

WISH = "c^2"


def make_scene(seed: int, size: tuple[int, int] = (64, 96)) -> Frame:
    """Soft spots, in which motion can be found."""
    chance = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(chance.normal(0, 1, (*size, 3)).astype(np.float32), (0, 0), 2)
    return np.asarray(np.clip(128 + 50 * noise / noise.std(), 0, 255), np.uint8)


SCENE, OTHER = make_scene(1), make_scene(2)


def make_dreamer(tiny: TorchModel, settings: rv.Settings | None = None, **live: Any) -> rv.LiveDreamer:
    return rv.LiveDreamer(
        tiny, WISH, settings or rv.Settings(jitter=4, octaves=2), rv.LiveSettings(**{"size": 96, "steps": 2, **live})
    )


def detail_of(dreamed: NDArray[Any], frame: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(dreamed.astype(float) - frame)


def alike(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_a_frame_becomes_a_dream_of_the_live_size(tiny: TorchModel) -> None:
    dreamed = make_dreamer(tiny).dream(make_scene(1, (128, 192)))
    assert dreamed.shape == (64, 96, 3) and dreamed.dtype == np.uint8
    assert detail_of(make_dreamer(tiny).dream(SCENE), SCENE).std() > 2


def test_the_score_grows_within_a_few_frames(tiny: TorchModel) -> None:
    dreamer, score = make_dreamer(tiny), rv.gradient_of(tiny, WISH)
    dreamed = [dreamer.dream(SCENE) for _ in range(6)]
    scores = [float(score(rv.open_image(each))[0]) for each in (SCENE, dreamed[0], dreamed[-1])]
    assert scores[0] < scores[1] < scores[2]


def test_before_a_camera_at_rest_the_dream_stays_and_grows_no_stronger(tiny: TorchModel) -> None:
    dreamer, chance = make_dreamer(tiny), np.random.default_rng(3)
    details = []
    for _ in range(60):
        frame = np.clip(SCENE + chance.normal(0, 2, SCENE.shape), 0, 255).astype(np.uint8)
        details.append(detail_of(dreamer.dream(frame), frame))
    assert alike(details[-2], details[-1]) > 0.9
    assert details[-1].std() < 1.2 * details[10].std()
    assert abs(details[-1].mean() - details[10].mean()) < 1


def test_without_carrying_each_frame_is_new(tiny: TorchModel) -> None:
    still = rv.Settings(jitter=0, octaves=2)
    new = make_dreamer(tiny, still, carry=0.0)
    first, *others = (new.dream(SCENE) for _ in range(3))
    assert all(np.array_equal(each, first) for each in others)
    carried = make_dreamer(tiny, still)
    assert not np.array_equal(carried.dream(SCENE), carried.dream(SCENE))


def test_at_no_strength_the_frame_is_shown_and_the_dream_goes_on(tiny: TorchModel) -> None:
    dreamer = make_dreamer(tiny, strength=0.0)
    assert all(np.array_equal(dreamer.dream(SCENE), SCENE) for _ in range(3))
    dreamer.change(live=rv.LiveSettings(size=96, steps=0))
    assert detail_of(dreamer.dream(SCENE), SCENE).std() > 2


def test_the_dream_goes_along_with_what_moves(tiny: TorchModel) -> None:
    wide, dreamer = make_scene(4, (64, 160)), make_dreamer(tiny)
    details = []
    for number in range(8):
        frame = np.ascontiguousarray(wide[:, 3 * number : 3 * number + 96])
        details.append(detail_of(dreamer.dream(frame), frame))
    along = alike(details[-2][:, 3:], details[-1][:, :-3])
    assert along > 0.8 and along > alike(details[-2], details[-1]) + 0.2


def test_after_a_cut_it_begins_anew(tiny: TorchModel) -> None:
    still = rv.Settings(jitter=0, octaves=2)
    dreamer = make_dreamer(tiny, still)
    before = [detail_of(dreamer.dream(SCENE), SCENE) for _ in range(5)][-1]
    after = detail_of(dreamer.dream(OTHER), OTHER)
    alone = detail_of(make_dreamer(tiny, still).dream(OTHER), OTHER)
    assert alike(after, alone) > 0.95
    assert abs(alike(after, before)) < 0.5


def test_light_and_noise_are_no_cut_and_another_scene_is() -> None:
    watcher, dark = Watcher(), np.asarray(SCENE // 2 + 10, np.uint8)
    assert watcher.look(SCENE) is None
    assert watcher.look(SCENE) is not None
    assert watcher.look(dark) is not None
    assert watcher.look(OTHER) is None
    black = np.zeros_like(SCENE)
    watcher.look(black)
    assert watcher.look(black + np.random.default_rng(0).integers(0, 4, black.shape, np.uint8)) is not None


def test_a_thing_that_comes_in_is_not_trusted_and_the_rest_is() -> None:
    watcher, changed = Watcher(), SCENE.copy()
    changed[16:48, 24:56] = 250
    watcher.look(SCENE)
    motion = watcher.look(changed)
    assert motion is not None
    assert motion.trust[10:22, 14:26].mean() < 0.3 < 0.9 < motion.trust[:, 34:].mean()


def test_frames_of_another_size_and_shape_go_on(tiny: TorchModel) -> None:
    dreamer = make_dreamer(tiny)
    for _ in range(4):
        before = detail_of(dreamer.dream(SCENE), SCENE)
    larger = cv2.resize(SCENE, (192, 128), interpolation=cv2.INTER_CUBIC)
    dreamer.change(live=rv.LiveSettings(size=192, steps=0))
    after = detail_of(dreamer.dream(larger), larger)
    assert alike(cv2.resize(after, (96, 64), interpolation=cv2.INTER_AREA), before) > 0.9
    assert dreamer.dream(make_scene(5, (90, 60))).shape == (192, 128, 3)


def test_another_wish_is_dreamed_of_without_a_jump(tiny: TorchModel) -> None:
    dreamer, score = make_dreamer(tiny), rv.gradient_of(tiny, "a:2")
    for _ in range(5):
        before = dreamer.dream(SCENE)
    dreamer.change(wish="a:2")
    after = [dreamer.dream(SCENE) for _ in range(20)]
    assert alike(detail_of(before, SCENE), detail_of(after[0], SCENE)) > 0.5
    assert float(score(rv.open_image(after[-1]))[0]) > float(score(rv.open_image(before))[0])


def test_settings_change_while_it_runs(tiny: TorchModel) -> None:
    dreamer = make_dreamer(tiny)
    dreamer.dream(SCENE)
    dreamer.change(settings=rv.Settings(keep_color=True, steps=4))
    dreamer.restart()
    change = detail_of(dreamer.dream(SCENE), SCENE)
    assert np.abs(change - np.median(change, axis=2, keepdims=True)).mean() < 2
    assert dreamer.settings.steps == 4 and dreamer.live.steps == 2


def test_a_change_that_is_refused_changes_nothing(tiny: TorchModel) -> None:
    dreamer = make_dreamer(tiny)
    with pytest.raises(UnknownName, match="zzz"):
        dreamer.change(wish="zzz", live=rv.LiveSettings(size=128))
    assert dreamer.live.size == 96


def test_a_wish_that_stays_near_to_the_frame_is_fainter(tiny: TorchModel) -> None:
    def dream_of(wish: str) -> float:
        dreamer = rv.LiveDreamer(tiny, wish, rv.Settings(octaves=1), rv.LiveSettings(size=96, steps=3))
        return max(float(detail_of(dreamer.dream(SCENE), SCENE).std()) for _ in range(8))

    assert dream_of(f"{WISH} - 5*keep") < 0.8 * dream_of(WISH)


def test_a_mask_leaves_the_rest_of_the_frame(tiny: TorchModel) -> None:
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., :40] = 1
    dreamer = rv.LiveDreamer(tiny, rv.masked(WISH, mask), rv.Settings(feather=0), rv.LiveSettings(size=96, steps=2))
    change = np.abs(detail_of(dreamer.dream(SCENE), SCENE))
    assert change[:, :38].mean() > 1 and change[:, 48:].max() == 0


def test_what_is_no_picture_is_refused(tiny: TorchModel) -> None:
    with pytest.raises(ImageFileError):
        make_dreamer(tiny).dream(np.zeros((0, 3, 3), np.uint8))
    with pytest.raises(ImageFileError):
        make_dreamer(tiny).dream(7)


SMALL, LARGE = (10, 10), (20, 20)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run_frame(pace: Pace, clock: Clock, costs: dict[tuple[int, int], float], rate: float) -> list[tuple[int, int]]:
    pace.begin()
    with pace.measure("follow"):
        clock.now += 0.02
    taken = pace.plan_steps((SMALL, LARGE), None, rate)
    for size in dict.fromkeys(taken):
        with pace.measure_steps(size, taken.count(size)):
            clock.now += costs[size] * taken.count(size)
    pace.end()
    return taken


def test_a_frame_has_as_many_steps_as_there_is_time_for() -> None:
    clock = Clock()
    pace, costs = Pace(clock), {SMALL: 0.01, LARGE: 0.02}
    for _ in range(2):  # each is tried once, and then once more: the first takes longer
        assert run_frame(pace, clock, costs, 10) == [SMALL, LARGE]
    assert run_frame(pace, clock, costs, 10) == [SMALL, SMALL, LARGE, LARGE]
    slow = {SMALL: 0.03, LARGE: 0.03}
    for _ in range(10):
        before = clock.now
        run_frame(pace, clock, slow, 10)
    assert clock.now - before < 0.1
    assert pace.taken == len(run_frame(pace, clock, slow, 10)) == 2


def test_where_there_is_time_for_one_step_the_octaves_take_turns() -> None:
    clock = Clock()
    pace, costs = Pace(clock), {SMALL: 0.5, LARGE: 0.5}
    frames = [run_frame(pace, clock, costs, 10) for _ in range(6)]
    assert frames[2:] == [[SMALL], [LARGE], [SMALL], [LARGE]]
    assert pace.plan_steps((SMALL, LARGE), 5, 10) == [SMALL, SMALL, SMALL, LARGE, LARGE]
