"""Every command as a user says it: the files it leaves, the words it prints, the numbers it reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import pyvips
import torch

from command import FEW, Command
from reverie import __version__
from reverie.image.embedding import read_recipe_text
from reverie.image.reading import read_photo
from reverie.jobs import networks
from reverie.models.layer_names import list_main_layers
from reverie.models.load import load_model
from reverie.models.spec import ModelSpec
from reverie.models.weights import save_weights
from reverie.recipe.presets import PRESETS
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings

pytestmark = pytest.mark.bundled

KEYS = ["output", "model", "objective", "score_start", "score_end", "steps", "octaves", "seconds", "peak_memory_bytes"]
KEYS += ["device", "precision", "recipe"]


def pixels(path: str | Path) -> torch.Tensor:
    return read_photo(path).image


def recipe_of(path: str | Path) -> Recipe:
    return Recipe.from_toml(read_recipe_text(path))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_photo_goes_in_and_a_dream_comes_out(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "-o", "dream.png", "--octaves", 2, "--steps", 2)
    assert said.code == 0 and said.out == ""
    assert pixels("dream.png").shape == pixels("photo.jpg").shape
    assert not torch.allclose(pixels("dream.png"), pixels("photo.jpg"), atol=0.02)
    assert files(folder) == {"photo.jpg", "dream.png"}


def test_progress_is_told_in_plain_lines_where_no_one_watches(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "-o", "dream.png", *FEW)
    *steps, done = said.err.splitlines()
    assert [line.rpartition(", score ")[0] for line in steps] == [
        "photo.jpg: octave 1/2 step 1/2, 74 x 49",
        "photo.jpg: octave 1/2 step 2/2, 74 x 49",
        "photo.jpg: octave 2/2 step 1/2, 96 x 64",
        "photo.jpg: octave 2/2 step 2/2, 96 x 64",
    ]
    assert done.startswith("dream.png: score ") and " -> " in done


def test_progress_is_a_bar_on_a_terminal(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    said = reverie("dream", "photo.jpg", "-o", "dream.png", *FEW)
    assert said.code == 0 and said.out == ""
    assert "octave 1/2 step 1/2  score " in said.err


def test_quiet_says_nothing(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "-o", "dream.png", "--quiet", *FEW)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert reverie("run", "dream.png", "--quiet").err == ""
    small = reverie("dream", "photo.jpg", "-o", "dream.png", "--quiet", "--size", 60, "--octaves", 4, "--steps", 1)
    assert (small.code, small.err) == (0, "")  # octaves were skipped


def test_json_is_one_object_with_the_promised_keys(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "-o", "dream.png", "--json", "--objective", "fire5^2 - 0.1*tv", *FEW)
    assert said.out.count("\n") == 1
    report: dict[str, Any] = json.loads(said.out)
    assert list(report) == KEYS
    assert report["output"] == "dream.png" and report["model"] == "squeezenet"
    assert report["objective"] == "fire5^2 - 0.1*tv"
    assert report["score_end"] > 1.2 * report["score_start"]
    assert (report["steps"], report["octaves"]) == (2, 2)
    assert 0 < report["seconds"] < 60 and report["peak_memory_bytes"] > 10**8
    assert report["device"] in ("cpu", "cuda", "mps") and report["precision"] in ("float32", "bfloat16")
    assert report["recipe"] == read_recipe_text("dream.png")


def test_every_setting_has_a_flag_that_reaches_the_recipe(folder: Path, reverie: Command) -> None:
    wanted = {
        "octaves": 3, "octave_scale": 1.2, "larger_octaves": 1, "steps": 1, "step_size": 0.02, "jitter": 5,
        "color_correlation": 0.3, "laplacian_levels": 3, "laplacian_strength": 0.7, "smoothing": 0.5,
        "normalization": "mean-abs", "max_score": 1e9, "size": 64, "seed": 11,
    }  # fmt: skip
    flags = [word for name, value in wanted.items() for word in (f"--{name.replace('_', '-')}", value)]
    assert reverie("dream", "photo.jpg", "-o", "d.png", "--precision", "float32", "--device", "cpu", *flags).code == 0
    recipe = recipe_of("d.png")
    assert {name: getattr(recipe.settings, name) for name in wanted} == wanted
    assert (recipe.input, recipe.model, recipe.precision) == ("photo.jpg", "squeezenet", "float32")


def test_without_a_photo_the_example_is_dreamed_under_a_free_name(folder: Path, reverie: Command) -> None:
    for name in ("astronaut-dream.jpg", "astronaut-dream-2.jpg", "astronaut-dream-3.jpg"):
        assert reverie("dream", "--size", 64, "--octaves", 1, "--steps", 1).code == 0
        assert (folder / name).is_file()
    assert reverie("run", "astronaut-dream.jpg").code == 0
    assert torch.equal(pixels("astronaut-dream.jpg"), pixels("astronaut-dream-again.jpg"))


def test_a_free_name_is_beside_the_working_directory_not_the_photo(folder: Path, reverie: Command) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "photo.jpg").rename(folder / "elsewhere" / "photo.jpg")
    assert reverie("dream", "elsewhere/photo.jpg", *FEW).code == 0
    assert files(folder) == {"elsewhere/photo.jpg", "photo-dream.jpg"}


def test_many_photos_into_a_folder_with_one_network(
    folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    def counted(spec: ModelSpec, **how: Any) -> Any:
        loads.append(spec.name)
        return load_model(spec, **how)

    monkeypatch.setattr(networks, "load_model", counted)
    photo = PIL.Image.open("photo.jpg")
    photo.save("b.tif")
    photo.save("c.png")
    photo.save("d.gif")
    said = reverie("dream", "photo.jpg", "b.tif", "c.png", "d.gif", "-o", "dreams/", "--json", *FEW)
    assert said.code == 0 and loads == ["squeezenet"]
    assert files(folder / "dreams") == {"photo.jpg", "b.tif", "c.png", "d.png"}  # GIF is not written
    assert [json.loads(line)["output"] for line in said.out.splitlines()] == [
        "dreams/photo.jpg", "dreams/b.tif", "dreams/c.png", "dreams/d.png"
    ]  # fmt: skip


def test_photos_of_one_name_do_not_overwrite_each_other(folder: Path, reverie: Command) -> None:
    (folder / "other").mkdir()
    PIL.Image.open("photo.jpg").transpose(PIL.Image.Transpose.ROTATE_180).save("other/photo.jpg")
    photos = ("photo.jpg", "other/photo.jpg")
    assert reverie("dream", *photos, "-o", "dreams", *FEW).code == 0
    assert reverie("dream", *photos, *FEW).code == 0
    made = {"dreams/photo.jpg", "dreams/photo-2.jpg", "photo-dream.jpg", "photo-dream-2.jpg"}
    assert files(folder) == {*photos, *made}
    assert not torch.equal(pixels("photo-dream.jpg"), pixels("photo-dream-2.jpg"))


def test_one_broken_photo_does_not_keep_the_others_from_it(folder: Path, reverie: Command) -> None:
    (folder / "broken.jpg").write_text("no picture")
    said = reverie("dream", "broken.jpg", "gone.jpg", "photo.jpg", "-o", "dreams", "--quiet", *FEW)
    assert said.code == 2
    assert files(folder / "dreams") == {"photo.jpg"}
    assert [line[:20] for line in said.err.splitlines()] == ["reverie: broken.jpg ", "reverie: gone.jpg do"]


def test_run_makes_the_same_pixels_again(folder: Path, reverie: Command) -> None:
    reverie("dream", "photo.jpg", "-o", "d.png", "--objective", "fire5:12 + fire4", "--seed", 3, *FEW)
    said = reverie("run", "d.png", "-o", "again.png", "--json")
    assert said.code == 0 and list(json.loads(said.out)) == KEYS
    assert torch.equal(pixels("d.png"), pixels("again.png"))
    assert read_recipe_text("again.png") == read_recipe_text("d.png")
    assert reverie("run", "again.png").code == 0
    assert torch.equal(pixels("d.png"), pixels("again-again.png"))


def test_run_takes_a_recipe_as_a_file(folder: Path, reverie: Command) -> None:
    reverie("dream", "photo.jpg", "-o", "d.png", *FEW)
    (folder / "night.toml").write_text(reverie("show", "d.png").out)
    assert reverie("run", "night.toml").code == 0
    assert torch.equal(pixels("night-again.png"), pixels("d.png"))


def test_run_finds_an_input_that_was_moved(folder: Path, reverie: Command) -> None:
    reverie("dream", "photo.jpg", "-o", "d.png", *FEW)
    (folder / "photo.jpg").rename(folder / "elsewhere.jpg")
    gone = reverie("run", "d.png", "-o", "again.png")
    assert gone.code == 2 and "the input photo.jpg is gone" in gone.err and "--input" in gone.err
    assert reverie("run", "d.png", "-o", "again.png", "--input", "elsewhere.jpg").code == 0
    assert torch.equal(pixels("d.png"), pixels("again.png"))


def test_show_prints_the_recipe(folder: Path, reverie: Command) -> None:
    reverie("dream", "photo.jpg", "-o", "d.webp", "--seed", 9, *FEW)
    said = reverie("show", "d.webp")
    assert (said.code, said.err) == (0, "")
    assert Recipe.from_toml(said.out) == recipe_of("d.webp")
    assert recipe_of("d.webp").settings.seed == 9


def test_snapshots_are_the_steps_of_the_last_octave(folder: Path, reverie: Command) -> None:
    assert reverie("dream", "photo.jpg", "-o", "d.png", "--snapshots", 2, "--octaves", 2, "--steps", 5).code == 0
    assert files(folder / "d-snapshots") == {"step-0002.png", "step-0004.png"}
    assert recipe_of("d-snapshots/step-0004.png").only_steps == 9
    assert reverie("run", "d-snapshots/step-0004.png", "-o", "again.png").code == 0
    assert torch.equal(pixels("d-snapshots/step-0004.png"), pixels("again.png"))
    assert not torch.equal(pixels("d-snapshots/step-0004.png"), pixels("d.png"))


def test_flags_win_over_the_file_over_the_preset_over_the_defaults(folder: Path, reverie: Command) -> None:
    (folder / "night.toml").write_text(
        'preset = "google-2015"\nobjective = "fire5"\nsteps = 2\nseed = 5\n[settings]\nsize = 64\noctaves = 2\n'
    )
    assert reverie("dream", "photo.jpg", "-o", "d.png", "--config", "night.toml", "--steps", 1).code == 0
    recipe, google = recipe_of("d.png"), Settings.of(PRESETS["google-2015"].settings)
    assert recipe.objective == "fire5"
    assert recipe.settings.steps == 1  # the flag
    assert (recipe.settings.seed, recipe.settings.size, recipe.settings.octaves) == (5, 64, 2)  # the file
    assert recipe.settings.octave_scale == google.octave_scale == 1.4  # the preset
    assert recipe.settings.jitter == Settings().jitter  # the default
    said = reverie(
        "dream", "photo.jpg", "-o", "d.png", "--config", "night.toml", "--preset", "default", "--objective", "fire4"
    )
    assert said.code == 0
    found = recipe_of("d.png").settings
    assert found == replace(
        Settings(), steps=2, seed=5, size=64, octaves=2, panorama=found.panorama
    )  # as was found out
    assert recipe_of("d.png").objective == "fire4"


def test_a_recipe_is_a_configuration_for_another_photo(folder: Path, reverie: Command) -> None:
    reverie("dream", "photo.jpg", "-o", "d.png", "--objective", "fire5^2", "--seed", 4, *FEW)
    (folder / "r.toml").write_text(
        reverie("show", "d.png").out.replace("[settings]", "tile = 400\nonly_steps = 3\n[settings]")
    )
    PIL.Image.open("photo.jpg").rotate(90, expand=True).save("other.png")
    assert reverie("dream", "other.png", "-o", "o.png", "--config", "r.toml").code == 0
    one, two = recipe_of("d.png"), recipe_of("o.png")
    assert (one.objective, one.settings, one.precision) == (two.objective, two.settings, two.precision)
    assert two.input == "other.png" and two.only_steps is None


def test_the_preset_of_2015_dreams_with_the_bundled_network(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "-o", "d.png", "--preset", "google-2015", "--steps", 2, "--json")
    assert said.code == 0
    report = json.loads(said.out)
    assert report["objective"] == "fire8^2" and report["octaves"] == 4
    assert report["score_end"] > report["score_start"]


def test_a_neuron_beyond_the_small_octaves_is_dreamed_at_the_large(folder: Path, reverie: Command) -> None:
    """Its place is in the grid of the picture, not in that of what memory is measured with."""
    said = reverie("dream", "--objective", "fire5:3@60,60", "-o", "d.png", "--octaves", 2, "--steps", 1)
    assert said.code == 0
    assert "octave 1 of 2 skipped: fire5:3@60,60: at this size fire5 has the rows 0 to" in said.err


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bits_in_sixteen_bits_out(ending: str, folder: Path, reverie: Command) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (64, 80, 3), dtype=np.uint16)
    pyvips.Image.new_from_array(deep).copy(interpretation="rgb16").write_to_file(f"deep{ending}")
    assert reverie("dream", f"deep{ending}", "-o", f"d{ending}", "--octaves", 1, "--steps", 1).code == 0
    dreamed = pyvips.Image.new_from_file(f"d{ending}")
    assert (dreamed.format, dreamed.bands, dreamed.width, dreamed.height) == ("ushort", 3, 80, 64)
    assert len(np.unique(dreamed.numpy())) > 5000  # not eight bits in disguise
    assert reverie("run", f"d{ending}", "-o", f"again{ending}").code == 0
    assert np.array_equal(dreamed.numpy(), pyvips.Image.new_from_file(f"again{ending}").numpy())


@pytest.mark.parametrize("name", ["caf\udce9 ü.jpg", "two\nlines.jpg", 'quo"te.jpg', "-dash.jpg"])
def test_a_photo_may_have_any_name(name: str, folder: Path, reverie: Command) -> None:
    (folder / "photo.jpg").rename(folder / name)
    said = reverie("dream", "-o", "d.png", "--octaves", 1, "--steps", 1, "--quiet", "--", name)
    assert (said.code, said.err) == (0, "")
    assert reverie("run", "d.png", "-o", "again.png", "--quiet", f"--input={name}").code == 0
    assert torch.equal(pixels("d.png"), pixels("again.png"))


def test_alpha_is_kept(folder: Path, reverie: Command) -> None:
    photo = PIL.Image.open("photo.jpg")
    photo.putalpha(PIL.Image.linear_gradient("L").resize(photo.size))
    photo.save("clear.png")
    assert reverie("dream", "clear.png", "-o", "d.png", "--octaves", 1, "--steps", 1).code == 0
    dreamed = PIL.Image.open("d.png")
    assert dreamed.mode == "RGBA"
    assert np.array_equal(np.asarray(dreamed)[..., 3], np.asarray(photo)[..., 3])


def test_models_and_presets_are_listed(folder: Path, reverie: Command) -> None:
    assert "squeezenet" in reverie("models").out
    assert "squeezenet" in [row["name"] for row in json.loads(reverie("models", "--json").out)]
    assert "google-2015" in reverie("presets").out
    assert [row["name"] for row in json.loads(reverie("presets", "--json").out)] == list(PRESETS)


def test_layers_are_listed_with_their_numbers(folder: Path, reverie: Command) -> None:
    said = reverie("layers")
    assert said.code == 0 and "Parameters: 1,235,496 in all, 1,235,496 trainable, 0 non-trainable" in said.out
    table = json.loads(reverie("layers", "squeezenet", "--json").out)
    rows = {row["layer"]: row for row in table["layers"]}
    assert list(rows) == list(list_main_layers(load_model("squeezenet")))
    assert rows["fire8"] == {
        "layer": "fire8", "channels": 512, "stride": 16, "receptive_field": 175, "parameters": 188992
    }  # fmt: skip
    assert table["parameters"]["fire8"] == {"trainable": 188992, "non_trainable": 0}


def test_layers_of_a_file_or_another_engine_are_listed(folder: Path, reverie: Command) -> None:
    save_weights({"conv1.weight": torch.ones(64, 3, 3, 3)}, folder / "some.safetensors")
    said = reverie("layers", "squeezenet", "--weights", "some.safetensors")
    assert said.code == 2 and "conv1.bias" in said.err and said.err.count("\n") == 1
    said = reverie("layers", "--engine", "tensorflow")
    assert said.code == 2 and "squeezenet is run by torch alone" in said.err
    assert reverie("layers", "--engine", "jax").code == 2
    assert reverie("layers", "--model", "squeezenet", "--weights", "random").code == 0


def test_help_and_version(reverie: Command) -> None:
    for words in ((), ("--help",), ("dream", "--help"), ("run", "--help")):
        said = reverie(*words)
        assert said.code == 0 and "Usage: reverie" in said.out and said.err == ""
    flags = reverie("dream", "--help").out
    for each in (field.name for field in Settings.fields()):
        assert f"--{each.replace('_', '-')}" in flags
    assert reverie("--version").out.strip() == __version__
