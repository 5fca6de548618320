"""Networks, objectives and presets of one's own are known by name; one that is broken is named, the rest works."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import reverie as rv
from extension import write_file, write_package
from reverie.errors import ExtensionError, SettingsError, UnknownName, WeightsError, WordingError
from reverie.models.extensions import find_registered, list_registered
from reverie.recipe.presets import find_preset, list_presets
from reverie.types import Activations, Image


@pytest.fixture(autouse=True)
def imported_as_before() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith(("outsider", "mine_", "broken_"))]:
        del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_package(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return write_file(tmp_path).name


@pytest.mark.usefixtures("package")
def test_what_a_package_names_is_known() -> None:
    assert "outsider" not in sys.modules
    assert {"eye", "blind"} < set(rv.available_models()) and "outsider" not in sys.modules
    model = rv.load_model("eye")
    assert (model.name, model.layers) == ("eye", ("edges", "shapes"))
    assert find_preset("mist").settings["smoothing"] == 1.5
    wish = rv.objective("winner(edges) - 0.5*calm(shapes, 2)")
    assert str(wish) == "winner(edges) - 0.5*calm(shapes, 2)" and set(wish.layers) == {"edges", "shapes", ".image"}


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (
            lambda: rv.load_model("blind"),
            r"the model 'blind' of outsider \(outsider_gone:make_eye\) cannot be imported",
        ),
        (lambda: rv.objective("sad(edges)"), r"the objective 'sad' of outsider .*No module named 'outsider_gone'"),
        (lambda: find_preset("gone"), r"the preset 'gone' of outsider .*No module named 'outsider_gone'"),
        (lambda: find_preset("wrong"), r"the preset 'wrong' is a function; expected an rv.Preset"),
    ],
)
def test_an_entry_point_that_fails_is_named_in_a_line(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(ExtensionError, match=says) as refusal:
        ask()
    assert "\n" not in str(refusal.value)
    assert find_preset("mist") and rv.load_model("eye")


@pytest.mark.usefixtures("package")
def test_the_list_of_presets_names_the_broken_and_has_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "reverie"):
        names = [preset.name for preset in list_presets()]
    assert "mist" in names and "default" in names and not {"gone", "wrong"} & set(names)
    assert len(caplog.records) == 2


def test_one_name_of_two_packages_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        about = tmp_path / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[reverie.models]\neye = {name}:make\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ExtensionError, match=r"'eye' is of two packages, .*one.* and .*two"):
        rv.load_model("eye")


def test_a_file_registers_and_its_factory_is_a_network(file: str) -> None:
    model = rv.load_model(f"{file}:make_eye")
    assert model.name == "mine.py:make_eye" and model.layers == ("edges", "shapes")
    assert list(list_registered("model")) == ["eye"]
    by_name = rv.load_model("eye")
    assert by_name.digest == model.digest, "an untrained network is drawn from the same seed"
    assert find_registered("preset", "mist") is not None and str(rv.objective("winner(shapes)")) == "winner(shapes)"


BROKEN = {
    "import nothing_of_this_name": r"cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'",
    "def make(:": r"cannot be imported: SyntaxError",
    "raise SystemExit(3)": r"cannot be imported: SystemExit: 3",
    "x = 1\nx = y": r"cannot be imported: NameError: name 'y' is not defined \(broken.py, line 2\)",
    "def make():\n    return 1 / 0": r"broken.py:make failed: ZeroDivisionError: .* \(broken.py, line 2\)",
    "def make():\n    return 3": r"broken.py:make returns a int; expected rv.wrap\(",
    "def mak():\n    pass": r"broken.py has no 'make'; did you mean mak\?",
    "import torch\nmake = torch.nn.Conv2d(3, 4, 3)": r"make returns the bare module Conv2d; expected rv.wrap\(",
}


@pytest.mark.parametrize("code", BROKEN)
def test_code_that_fails_is_named_in_a_line(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text(code, "utf-8")
    with pytest.raises(ExtensionError, match=BROKEN[code]) as refusal:
        rv.load_model("broken.py:make")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gone.py:make", r"there is no file gone.py"),
        ("nothing_here:make", r"no module 'nothing_here' is installed \(a file is said as mine.py:NAME\)$"),
        ("no.such.place:make", r"no module 'no.such.place' is installed"),
        ("mine:make_eye", r"no module 'mine' is installed: say mine.py:NAME for the file"),
    ],
)
def test_a_place_without_code_is_told(name: str, says: str, file: str) -> None:
    with pytest.raises(ExtensionError, match=says):
        rv.load_model(name)


@pytest.mark.parametrize("kind", ["model", "objective", "preset"])
def test_reveries_own_names_cannot_be_taken(kind: str) -> None:
    taken: dict[str, Callable[[], object]] = {
        "model": lambda: rv.register_model("squeezenet", nn.Identity),
        "objective": lambda: rv.register_objective("tv", rv.layer),
        "preset": lambda: rv.register_preset(rv.Preset("paper", "mine")),
    }
    with pytest.raises(SettingsError, match=f"is a {kind} of Reverie's own"):
        taken[kind]()
    with pytest.raises(SettingsError, match=r"expected letters"):
        rv.register_objective("two words", rv.layer)
    assert not list_registered(kind)


def test_what_is_registered_again_is_registered_anew() -> None:
    for steps in (3, 4):
        rv.register_preset(rv.Preset("mist", "soft", {"steps": steps}))
    assert find_preset("mist").settings == {"steps": 4}
    with pytest.raises(UnknownName, match=r"no setting is called 'stepz'; did you mean steps"):
        rv.register_preset(rv.Preset("fog", "thick", {"stepz": 4}))
    with pytest.raises(UnknownName, match=r"no preset is called 'mst'; did you mean mist"):
        find_preset("mst")


class Plain:
    """A network by the protocol alone: what a picture is, its mean over squares of four."""

    layers = ("squares",)
    device, precision, digest = torch.device("cpu"), "float32", "0" * 64
    parameters: dict[str, tuple[int, int]] = {}  # noqa: RUF012

    @property
    def name(self) -> str:
        return "plain"

    def __call__(self, image: Image, layers: object) -> Activations:
        return {"squares": nn.functional.avg_pool2d(image, 4)}


def test_a_network_by_the_protocol_is_called_as_it_was_asked_for(noise: Image) -> None:
    rv.register_model("mine", Plain)
    model = rv.load_model("mine")
    assert isinstance(model, rv.Model) and model.name == "mine"
    torch.testing.assert_close(model(noise, ["squares"])["squares"], nn.functional.avg_pool2d(noise, 4))
    with pytest.raises(SettingsError, match=r"mine runs on cpu in float32"):
        rv.load_model("mine", precision="bfloat16")
    with pytest.raises(WeightsError, match=r"finished model"):
        rv.load_model("mine", weights="w.pt")
    with pytest.raises(SettingsError, match=r"weights that its factory gives"):
        rv.load_model("mine", weights="random")


def test_weights_are_loaded_into_what_a_factory_made(file: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    trained = nn.Sequential()
    trained.add_module("edges", nn.Conv2d(3, 6, 5, stride=2))
    trained.add_module("shapes", nn.Conv2d(6, 8, 3, stride=2))
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    model = rv.load_model("mine.py:make_eye", weights=tmp_path / "w.pt", precision="float32")
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(model(image, ["shapes"])["shapes"], trained((image - 0.5) / 0.25))
    torch.save(nn.Conv2d(3, 4, 3).state_dict(), tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"holds other weights than those of mine.py:make_eye"):
        rv.load_model("mine.py:make_eye", weights=tmp_path / "other.pt")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("winner(edges, 3)", r"too many positional arguments, in winner\(layer\)"),
        ("winner()", r"missing a required argument: 'layer', in winner\(layer\)"),
        ("winer(edges)", r"no objective is called winer\(...\); did you mean winner"),
        ("winner(edges", r"expected , or \)"),
        ("winner(-edges)", r"expected a number, got 'edges'"),
        ("calm(edges, *)", r"expected a layer or a number"),
    ],
)
def test_an_own_word_that_cannot_be_read(words: str, says: str, file: str) -> None:
    rv.load_model("mine.py:make_eye")
    with pytest.raises(WordingError, match=says):
        rv.objective(words)
