"""Keyframes as a whole: everything is checked before any work, the text alone says the film, and wishes fade evenly."""

from __future__ import annotations

import logging
import pickle
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

import reverie as rv
from reverie.errors import RecipeError, ReverieError, SettingsError, UnknownName, WordingError
from reverie.film.keyframes.balancing import balance_wishes, measure_strength
from reverie.film.keyframes.changing import FILM_FIELDS
from reverie.film.keyframes.moments import Moment, Schedule, read_schedule
from reverie.film.keyframes.table import (
    hears_sound,
    list_unweighted,
    merge_sets,
    read_keyframe_file,
    relocate_keyframes,
    weigh_wishes,
)
from reverie.film.keyframes.times import Clock
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import Objective
from reverie.settings.film import FilmSettings
from reverie.types import Image

CLOCK = Clock.steady(101, 10)
WISHES = """
[[wish]]
at = "0s"
objective = "fire3^2"
[[wish]]
at = "5s"
objective = "class:7 - 0.5*tv"
fade = "2s"
"""
MASKS = """
[[mask]]
file = "sky.png"
objective = "fire8^2"
from = "2s"
to = "6s"
fade = "1s"
[[mask]]
file = "sea.png"
objective = "fire3 + 2*fire5"
from = "5s"
"""


def schedule(text: str, objective: str = "") -> Schedule:
    return read_schedule(text, CLOCK, objective=objective)


def wish_at(found: Schedule, frame: int) -> Objective:
    words = found.at(frame).objective
    assert words is not None
    return rv.objective(words)


def test_without_keyframes_nothing_differs() -> None:
    assert schedule("", "fire8^2").at(50) == Moment()


def test_settings_of_a_dream_and_of_a_film_are_told_apart_and_whole_numbers_rounded() -> None:
    found = schedule('[curves]\nstep_size = "0:(0.01), 100:(0.02)"\ncarry = 0.5\nsteps = "1 + t/10"\nzoom = 1.03')
    moment = found.at(46)
    assert moment.settings == {"step_size": 0.0146, "steps": 6} and moment.film == {"carry": 0.5, "zoom": 1.03}
    assert moment.objective is None and moment.masks is None
    assert all(isinstance(found.at(frame).settings["steps"], int) for frame in range(101))


def test_every_number_that_may_change_can_and_the_others_cannot() -> None:
    for field in (*rv.Settings.fields(), *FILM_FIELDS):
        text = (
            f"curves.{field.name} = {field.default if field.kind in (int, float) and field.default is not None else 1}"
        )
        if field.kind in (int, float) and field.name not in ("size", "seed", "seconds", "rate"):
            moment = schedule(text).at(3)
            assert field.name in {**moment.settings, **moment.film}
        else:
            with pytest.raises(SettingsError, match=f"{field.name} cannot change over a film: "):
                schedule(text)


def test_a_film_has_settings_that_it_does_not_share_with_a_zoom() -> None:
    with pytest.raises(SettingsError, match="rotate is a setting of other moving pictures"):
        read_schedule("curves.rotate = 1", CLOCK, fields=FilmSettings.fields())


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ('step_size = "t/50"', "step_size is 0 at frame 0; expected 1e-09 to 1"),
        ('step_size = "0.5 + t/50"', "step_size is 1.02 at frame 26; expected 1e-09 to 1"),
        ('steps = "0:(3), 100:(0)"', "steps is 0 at frame 84; expected 1 to 1000000"),
        ('strength = "1/(t - 7)"', "strength: '1/(t - 7)' has no value at frame 7"),
    ],
)
def test_bounds_are_checked_for_every_frame_at_once(curve: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        schedule(f"[curves]\n{curve}")
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_settings_that_bound_each_other_are_checked_together() -> None:
    found = schedule('curves.larger_octaves = "0:(0), 100:(5)"')
    found.check_with(rv.Settings(octaves=6))
    with pytest.raises(SettingsError, match="at frame 50: larger_octaves is 3 of 3"):
        found.check_with(rv.Settings(octaves=3))


@pytest.mark.parametrize(("name", "near"), [("stepsize", "step_size"), ("strenght", "strength"), ("jiter", "jitter")])
def test_a_slip_is_no_layer(name: str, near: str) -> None:
    with pytest.raises(UnknownName, match=f"did you mean {near}"):
        schedule(f"curves.{name} = 1", "fire8")


def test_a_term_that_looks_like_a_slip_is_one_where_the_wish_has_it() -> None:
    assert schedule("curves.step = 2", "step + fire8").at(0).objective == "2*step + fire8"


def test_a_weight_belongs_to_a_term_in_words() -> None:
    wanted = 'curves."fire5:12" = "1 + t"\ncurves.tv = -0.5'
    assert schedule(wanted, "fire8^2 + 0.2*fire5:12 - 0.1*tv").at(2).objective == "fire8^2 + 3*fire5:12 - 0.5*tv"


def test_a_term_that_the_wish_lacks_is_added_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "reverie"):
        assert schedule("curves.fire5 = 3", "fire8^2").at(0).objective == "fire8^2 + 3*fire5"
    assert "has no fire5 yet: it is added" in caplog.text


def test_the_weight_of_the_only_term_changes_nothing_which_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "reverie"):
        schedule('curves."fire8^2" = "1 + t"', "fire8^2")
        assert "its weight changes nothing" in caplog.text
        caplog.clear()
        assert schedule('curves."fire8^2" = "t > 5"', "fire8^2").at(0).objective == "0*fire8^2"  # on and off it does
    assert not caplog.records


@pytest.mark.parametrize("name", ["fire5 + fire8", "2*fire5", "-fire5"])
def test_a_weight_is_that_of_one_term(name: str) -> None:
    with pytest.raises(SettingsError, match="no single term"):
        schedule(f'curves."{name}" = 1', "fire8")


def test_one_term_has_one_curve() -> None:
    with pytest.raises(SettingsError, match="fire5 has two curves"):
        schedule("[curves]\nfire5 = 1\n'\"fire5\"' = 2", "fire8")


def test_wishes_fade_into_each_other_and_their_shares_are_together_one() -> None:
    found = schedule(WISHES)
    assert found.at(0).objective == found.at(30).objective == "fire3^2"
    assert found.at(50).objective == found.at(100).objective == "class:7 - 0.5*tv"
    assert found.at(40).objective == "0.5*fire3^2 + 0.5*class:7 - 0.25*tv"
    for frame in range(101):
        assert sum(abs(weight) for weight, term in wish_at(found, frame).terms if str(term) != "tv") == pytest.approx(1)


def test_a_fade_goes_all_the_way_unless_it_is_said_to_be_shorter_or_none() -> None:
    slow, cut = WISHES.replace('fade = "2s"\n', ""), WISHES.replace('"2s"', '"0s"')
    assert schedule(slow).at(10).objective == "0.8*fire3^2 + 0.2*class:7 - 0.1*tv"
    assert schedule(cut).at(49).objective == "fire3^2" and schedule(cut).at(50).objective == "class:7 - 0.5*tv"


def test_a_term_of_both_wishes_is_there_once_and_a_curve_says_its_weight_within_each() -> None:
    both = '[[wish]]\nat = 0\nobjective = "a + tv"\n[[wish]]\nat = 100\nobjective = "b + tv"\n'
    assert schedule(both).at(50).objective == "0.5*a + tv + 0.5*b"
    assert schedule(both + "[curves]\na = 4\nc = 2").at(50).objective == "2*a + tv + 0.5*b + 2*c"


def test_the_pull_of_keep_has_no_part_in_the_balance() -> None:
    text = '[[wish]]\nat = 0\nobjective = "a"\n[[wish]]\nat = 100\nweight = 40\nobjective = "b - 0.2*keep"\n'
    assert schedule(text).at(50).objective == "0.5*a + 20*b - 0.1*keep"


def test_masks_fade_in_and_out() -> None:
    found = schedule(MASKS)
    assert [found.at(frame).masks for frame in (0, 20)] == [(), ()]
    assert found.at(25).masks == (("sky.png", "fire8^2", 0.5),)
    assert found.at(30).masks == found.at(50).masks[:1] == (("sky.png", "fire8^2", 1.0),)  # type: ignore[index]
    assert found.at(55).masks == (("sky.png", "fire8^2", 0.5), ("sea.png", "fire3 + 2*fire5", 1.0))
    assert found.at(100).masks == (("sea.png", "fire3 + 2*fire5", 1.0),) and found.files == ("sky.png", "sea.png")


def test_the_weight_of_a_term_of_a_mask_changes_there() -> None:
    assert schedule(MASKS + "[curves]\nfire5 = 7").at(60).masks == (("sea.png", "fire3 + 7*fire5", 1.0),)
    with pytest.raises(SettingsError, match="no mask wishes for it"):
        schedule(MASKS + "[curves]\nfire6 = 7")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("x", RecipeError, "cannot be read"),
        ("step_size = 1", SettingsError, "under [curves]"),
        ("curves = 1", SettingsError, "expected a table"),
        ("wish = 1", SettingsError, "[[wish]]"),
        ("[curves]\nsteps = 1\nsteps = 2", RecipeError, "overwrite"),
        ('[[wish]]\nat = "0s"', SettingsError, "has no objective"),
        ('[[wish]]\nobjective = "a"', SettingsError, "the wish a has no time"),
        ('[[wish]]\nat = "0s"\nobjective = "a +"', WordingError, "expected"),
        ('[[wish]]\nat = "0s"\nobjective = "a"\nfade = "1s"', SettingsError, "nothing to fade from"),
        ('[[wish]]\nat = "0s"\nobjektive = "a"', UnknownName, "did you mean objective"),
        (WISHES.replace("5s", "0s"), SettingsError, "two keyframes at 0 s"),
        (WISHES.replace('"0s"', '"6s"'), SettingsError, "runs backwards"),
        (WISHES.replace('"2s"', '"9s"'), SettingsError, "overlap"),
        (WISHES + "bezier = [0, 2, 1, 1]", SettingsError, "beyond 0..1"),
        (WISHES + "weight = 0", SettingsError, "above 0"),
        (WISHES + 'ease = "soft"', UnknownName, "easing"),
        (WISHES + MASKS, SettingsError, "one of them"),
        (MASKS.replace('"6s"', '"1s"'), SettingsError, "ends at 1 s, and begins at 2 s"),
        (MASKS.replace('"1s"', '"3s"'), SettingsError, "overlap"),
        (MASKS.replace('file = "sky.png"', ""), SettingsError, "has no file"),
        (MASKS.replace("fire8^2", "+"), WordingError, "the mask sky.png"),
        (MASKS.replace('"6s"', '"soon"'), SettingsError, "the mask sky.png: 'soon' is no time"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str, error: type[ReverieError], words: str) -> None:
    with pytest.raises(error) as refused:
        schedule(text)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_the_command_line_wins_and_the_text_is_the_whole() -> None:
    text = merge_sets(WISHES + "[curves]\nsteps = 3\njitter = 8", ["steps = 5", " fire5 = 1 + (t >= 2)"])
    assert tomllib.loads(text)["curves"] == {"steps": "5", "jitter": 8, "fire5": "1 + (t >= 2)"}
    assert merge_sets(text, []) == text and merge_sets("", []) == ""
    assert schedule(text).at(2).settings == {"steps": 5, "jitter": 8}
    assert schedule(text).at(2).objective == "fire3^2 + 2*fire5"


@pytest.mark.parametrize("sets", [["steps"], ["= 3"], ["steps ="], ["steps = 1", "steps = 2"]])
def test_a_set_is_a_name_and_a_value_once(sets: Sequence[str]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        merge_sets("", sets)


def test_sound_is_asked_for_only_where_it_is_heard() -> None:
    assert hears_sound('curves.steps = "1 + 9*audio.low"') and not hears_sound(WISHES)
    assert hears_sound('[curves]\njitter = [{at = 0, value = "9*audio.flux"}]')
    sound = {name: [0.25] * 101 for name in ("level", "low", "mid", "high", "flux")}
    assert read_schedule('curves.steps = "1 + 8*audio.low"', CLOCK, sound).at(9).settings == {"steps": 3}


def test_a_schedule_can_be_sent_elsewhere() -> None:
    found = schedule(WISHES + '[curves]\nsteps = "1 + t"\nfire5 = 2')
    assert pickle.loads(pickle.dumps(found)) == found == schedule(WISHES + '[curves]\nsteps = "1 + t"\nfire5 = 2')
    for frame in (-1, 101):
        with pytest.raises(IndexError):
            found.at(frame)


def test_a_file_is_read_or_refused(tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text(WISHES, "utf-8")
    assert read_keyframe_file(tmp_path / "night.toml") == WISHES
    for name, data in (("gone.toml", None), ("bytes.toml", b"\xff\xfe"), ("broken.toml", b"x")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(RecipeError, match=name):
            read_keyframe_file(tmp_path / name)


def test_wishes_are_weighed_by_their_gradients(tiny: TorchModel, noise: Image) -> None:
    """In the middle of a fade, each half is as strong as the other."""
    first, second = (f"{name}^2" for name in tiny.layers[:2])
    text = f'[[wish]]\nat = 0\nobjective = "{first}"\n[[wish]]\nat = 100\nobjective = "0.01*{second}"\n'
    weighed = balance_wishes(text, tiny, noise[:1])
    assert balance_wishes(weighed, tiny, noise[:1]) == weighed and not list_unweighted(weighed)
    halves = wish_at(schedule(weighed), 50)
    strengths = [measure_strength(str(Objective((each,))), tiny, noise[:1]) for each in halves.terms]
    assert len(strengths) == 2 and strengths[0] == pytest.approx(strengths[1], rel=0.01)
    assert halves.terms[0][0] == 0.5  # the first has its own weight, so that what is beside it keeps its own


def test_one_wish_alone_is_not_weighed(tiny: TorchModel, noise: Image) -> None:
    text = '[[wish]]\nat = 0\nobjective = "conv1"\n'
    assert balance_wishes(text, tiny, noise[:1]) == text


def test_a_weight_that_was_said_stays() -> None:
    text = weigh_wishes(WISHES.replace('at = "5s"', 'at = "5s"\nweight = 3'), [1.0, 20.0])
    assert [each["weight"] for each in tomllib.loads(text)["wish"]] == [1.0, 3]


def test_files_that_moved_are_found_where_they_are() -> None:
    text = MASKS.replace("fire8^2", "guide:cat.jpg@fire5")
    assert schedule(text).files == ("sky.png", "sea.png", "cat.jpg")
    moved = schedule(relocate_keyframes(text, {"sky.png": "new/sky.png", "cat.jpg": "new/cat.jpg"}))
    assert moved.files == ("new/sky.png", "sea.png", "new/cat.jpg")
    assert schedule(relocate_keyframes(text, {})) == schedule(text)
