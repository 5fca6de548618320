"""Whatever a user gets wrong is answered by one line and exit code 2, before any work, and leaves nothing behind."""

from __future__ import annotations

import errno
import struct
import zlib
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from command import FEW, Answer, Command
from reverie.jobs import networks

pytestmark = pytest.mark.bundled


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, with its bytes."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def check_refusal(said: Answer, *fragments: str) -> None:
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("reverie: ") and said.err.endswith("\n") and said.err.count("\n") == 1
    for fragment in fragments:
        assert fragment in said.err, said.err


@pytest.fixture
def without_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is loaded: what is refused under this is refused before any work."""

    def load_model(*words: Any, **how: Any) -> None:
        raise AssertionError("a network was loaded")

    monkeypatch.setattr(networks, "load_model", load_model)


@pytest.fixture
def bad_files(folder: Path) -> None:
    """Files that cannot be dreamed."""
    photo = (folder / "photo.jpg").read_bytes()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "truncated.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "text.png").write_text("no picture")
    header = b"IHDR" + struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0)
    nothing = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (folder / "zero.png").write_bytes(nothing)
    (folder / "folder").mkdir()
    for side in (1, 20, 30):
        PIL.Image.new("RGB", (side, side), (90, 120, 200)).save(f"side{side}.png")
    PIL.Image.new("RGB", (400, 20)).save("narrow.png")


TOO_SMALL = "is too small for fire8 of squeezenet: the smallest side that works is 31"


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(
    ("photo", "says"),
    [
        ("gone.jpg", "gone.jpg does not exist"),
        ("folder", "folder is a folder; expected a picture"),
        ("empty.jpg", "empty.jpg is empty"),
        ("truncated.jpg", "truncated.jpg is truncated or damaged"),
        ("text.png", "text.png is not a picture"),
        ("zero.png", "zero.png is truncated or damaged"),
        ("side1.png", f"a picture of 1 x 1 pixels {TOO_SMALL}"),
        ("side20.png", f"a picture of 20 x 20 pixels {TOO_SMALL}"),
        ("side30.png", f"a picture of 30 x 30 pixels {TOO_SMALL}"),
        ("narrow.png", f"a picture of 400 x 20 pixels {TOO_SMALL}"),
    ],
)
@pytest.mark.parametrize("octaves", [(), ("--octaves", 4)])
def test_a_photo_that_cannot_be_dreamed(
    photo: str, says: str, octaves: tuple[Any, ...], folder: Path, reverie: Command
) -> None:
    before = contents(folder)
    check_refusal(reverie("dream", photo, "-o", "d.png", *octaves), says)
    assert contents(folder) == before


def test_the_smallest_that_works_works(folder: Path, reverie: Command) -> None:
    PIL.Image.new("RGB", (31, 31), (90, 120, 200)).save("side31.png")
    assert reverie("dream", "side31.png", "-o", "d.png").code == 0
    PIL.Image.new("RGB", (1, 1), (90, 120, 200)).save("side1.png")
    assert reverie("dream", "side1.png", "-o", "d.png", "--objective", "-tv").code == 0


@pytest.mark.usefixtures("without_work")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--model squeezenett", "no model is called 'squeezenett'; did you mean squeezenet?"),
        ("--preset googel-2015", "no preset is called 'googel-2015'; did you mean google-2015?"),
        ("--preset paper", "paper wishes for mixed3 + mixed5, layers of inception_v3: add --model inception_v3"),
        ("--stepsize 0.1", '--stepsize. Did you mean --step-size?'),
        ("--octavs 3", '--octavs. Did you mean --octaves?'),
        ("--objektive fire8", '--objektive. Did you mean --objective?'),
        ("--objective=fire8^^2", "cannot read the objective 'fire8^^2' after 'fire8^': expected a power"),
        ("--objective=fire8+", "after 'fire8+': expected a layer, tv or (, got the end"),
        ("--objective=2fire8", "cannot read the objective '2fire8' after ''"),
        ("--objective=fire8:x", "after 'fire8:': expected a channel"),
        ("--objective=", "cannot read the objective '' after ''"),
        ("--octave-scale 1", "octave_scale is 1.0; expected 1.01 to 16"),
        ("--octave-scale nan", "octave_scale is nan; expected 1.01 to 16"),
        ("--octaves 0", "octaves is 0; expected 1 to 64"),
        ("--octaves 2.5", "Invalid value for --octaves: expected a whole number, got '2.5'"),
        ("--octaves 2 --larger-octaves 2", "larger_octaves is 2 of 2 octaves; at most 1"),
        ("--steps -3", "steps is -3; expected 1 to 1000000"),
        ("--steps many", "Invalid value for --steps: expected a whole number, got 'many'"),
        ("--steps", "--steps requires an argument"),
        ("--step-size nan", "step_size is nan; expected 1e-09 to 1"),
        ("--step-size inf", "step_size is inf; expected 1e-09 to 1"),
        ("--step-size -0.1", "step_size is -0.1; expected 1e-09 to 1"),
        ("--step-size 0", "step_size is 0.0; expected 1e-09 to 1"),
        ("--jitter -1", "jitter is -1; expected 0 to 1000000"),
        ("--color-correlation 1.5", "color_correlation is 1.5; expected 0 to 1"),
        ("--normalization max", "normalization is 'max'; expected one of std, mean-abs, none"),
        ("--size 0", "size is 0; expected 1 to 10000000"),
        ("--seed -1", "seed is -1; expected 0 to 9223372036854775807"),
        ("--snapshots 0", "snapshots is 0; expected at least 1"),
        ("--snapshots -2", "snapshots is -2; expected at least 1"),
        ("--memory lots", "memory is 'lots'; expected something like 2GB"),
        ("--config gone.toml", "the configuration gone.toml cannot be read: No such file or directory"),
        ("-o", "requires an argument"),
        ("-o missing/d.png", "missing is no folder; make it first"),
        ("-o missing/dreams/", "the folder missing/dreams cannot be made: No such file or directory"),
        ("-o photo.jpg/d.png", "photo.jpg is no folder"),
        ("-o /proc/dreams/", "the folder /proc/dreams cannot be made"),
        ("-o photo.jpg", "photo.jpg is the input itself"),
        ("-o ./photo.jpg", "photo.jpg is the input itself"),
        ("-o link.jpg", "link.jpg is the input itself"),
        ("-o d.xyz", "d.xyz ends in .xyz; expected one of .png, .tif, .tiff, .jpg, .jpeg, .webp, .avif"),
        ("-o d.gif", "d.gif ends in .gif; expected one of .png"),
        (f"-o {'d' * 300}.png", "name too long"),
        (f"-o {'d' * 300}", "name too long"),
        ("other.jpg -o d.png", "d.png is one picture, and 2 are to be dreamed: name a folder with -o"),
        ("--quiet --model x", "no model is called 'x'"),
        ("--json --model x", "no model is called 'x'"),
    ],
)  # fmt: skip
def test_words_that_are_refused_before_any_work(words: str, says: str, folder: Path, reverie: Command) -> None:
    (folder / "link.jpg").symlink_to("photo.jpg")
    before = contents(folder)
    said = reverie("dream", "photo.jpg", *words.split())
    assert says.lower() in said.err.lower(), said.err
    check_refusal(said)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--objective fire88", "no layer of squeezenet is called 'fire88'; did you mean fire8"),
        ("--objective mixed5", "no layer of squeezenet is called 'mixed5'"),
        ("--objective fire8:512", "fire8:512: fire8 has the channels 0 to 511"),
        ("--objective conv10:1000", "conv10:1000: conv10 has the channels 0 to 999"),
        ("--objective fire8:0@99,0", "fire8:0@99,0: at this size fire8 has the rows 0 to"),
        ("--device cuda:99", "no device 'cuda:99' here"),
        ("--device gpu", "no device 'gpu' here; expected auto or one of: "),
        ("--precision float16", "precision 'float16'; expected one of auto, float32, bfloat16"),
        ("--engine jax", "no engine is called 'jax'; known: torch, tensorflow"),
        ("--weights gone.safetensors", "cannot read weights from gone.safetensors"),
        ("--weights photo.jpg", "photo.jpg holds no weights"),
        ("--memory 1MB", "memory is 1 MB; these layers need at least "),
        ("--memory 2", "memory is '2', which is 2 bytes; expected something like 2GB"),
        ("--size 10000000", "do not fit"),
    ],
)
def test_words_that_the_network_refuses(words: str, says: str, folder: Path, reverie: Command) -> None:
    before = contents(folder)
    check_refusal(reverie("dream", "photo.jpg", "-o", "d.png", *words.split()), says)
    assert contents(folder) == before


def test_an_unknown_layer_is_refused_once_for_many_photos(folder: Path, reverie: Command) -> None:
    PIL.Image.open("photo.jpg").save("b.png")
    check_refusal(reverie("dream", "photo.jpg", "b.png", "-o", "dreams", "--objective", "fire88"), "'fire88'")


@pytest.mark.usefixtures("without_work")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps = '3'", "steps is '3'; expected a whole number"),
        ("steps = 2.5", "steps is 2.5; expected a whole number"),
        ("[settings]\nsteps = 0", "steps is 0; expected 1 to 1000000"),
        ("step-size = 0.1", "no setting in c.toml is called 'step-size'; did you mean step_size"),
        ("[settings]\nstep = 3", "no setting is called 'step'; did you mean steps"),
        ("settings = 3", "says settings = 3; expected a table"),
        ("model = 3", "says model = 3; expected a text in quotes"),
        ("objective = []", "says objective = []; expected a text in quotes"),
        ("preset = 'no'", "no preset is called 'no'"),
        ("objective = 'fire8 +'", "cannot read the objective 'fire8 +'"),
        ("a = [", "the configuration c.toml cannot be read: "),
        ("seed = " + "9" * 5000, "the configuration c.toml cannot be read: "),
        ("seed = " + "9" * 400, "seed is 999"),
    ],
)
def test_a_configuration_that_cannot_be_used(text: str, says: str, folder: Path, reverie: Command) -> None:
    (folder / "c.toml").write_text(text)
    before = contents(folder)
    check_refusal(reverie("dream", "photo.jpg", "-o", "d.png", "--config", "c.toml"), says)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("dreem photo.jpg", 'Unknown command "dreem". Did you mean "dream"?'),
        ("run", "requires an argument"),
        ("run photo.jpg", "photo.jpg holds no recipe"),
        ("run gone.png", "gone.png does not exist"),
        ("run c.toml", "the recipe cannot be read"),
        ("run photo.jpg extra.jpg", "extra.jpg"),
        ("show photo.jpg", "photo.jpg holds no recipe"),
        ("show gone.png", "gone.png does not exist"),
        ("show .", "is a folder"),
        ("layers squeezenett", "no model is called 'squeezenett'; did you mean squeezenet?"),
        ("layers squeezenet more", "there is no use for 'more'"),
        ("models more", "more"),
        ("--nonsense", "--nonsense"),
    ],
)
def test_other_commands_refuse_in_the_same_way(words: str, says: str, folder: Path, reverie: Command) -> None:
    (folder / "c.toml").write_text("steps = 3")
    before = contents(folder)
    check_refusal(reverie(*words.split()), says)
    assert contents(folder) == before


def test_run_refuses_what_changed_and_where_it_cannot_write(folder: Path, reverie: Command) -> None:
    reverie("dream", "photo.jpg", "-o", "d.png", *FEW)
    for target, says in (
        ("d.png", "d.png is the input itself"),
        ("photo.jpg", "photo.jpg is the input itself"),
        ("d.xyz", "ends in .xyz"),
        ("missing/a.png", "missing is no folder"),
        (f"{'d' * 300}.png", "too long"),
    ):
        check_refusal(reverie("run", "d.png", "-o", target), says)
    PIL.Image.open("photo.jpg").rotate(180).save("photo.jpg")
    check_refusal(reverie("run", "d.png", "-o", "again.png"), "the input photo.jpg changed since (sha256 ")
    (folder / "photo.jpg").unlink()
    check_refusal(reverie("run", "d.png", "-o", "again.png"), "the input photo.jpg is gone", "--input")
    check_refusal(reverie("run", "d.png", "-o", "again.png", "--input", "d.png"), "the input d.png changed since")
    assert {path.name for path in folder.iterdir()} == {"d.png"}


def test_a_score_that_becomes_infinite_names_the_step(folder: Path, reverie: Command) -> None:
    before = contents(folder)
    said = reverie("dream", "photo.jpg", "-o", "d.png", "--objective", "1e38*fire8^8", *FEW)
    check_refusal(said, "the score became [inf] at step 1: try a smaller weight or power")
    assert contents(folder) == before


def test_a_folder_that_takes_no_files_even_from_root(folder: Path, reverie: Command) -> None:
    said = reverie("dream", "photo.jpg", "-o", "/proc/d.png", "--quiet", *FEW)
    check_refusal(said, "/proc/d.png cannot be written: No such file or directory")


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_snapshots_folder_that_cannot_be_made(quiet: tuple[str, ...], folder: Path, reverie: Command) -> None:
    (folder / "d-snapshots").write_text("in the way")
    before = contents(folder)
    said = reverie("dream", "photo.jpg", "-o", "d.png", "--snapshots", 1, *quiet, *FEW)
    check_refusal(said, "the folder d-snapshots cannot be made: File exists")
    assert contents(folder) == before


def test_a_full_disk_leaves_what_was_there(folder: Path, reverie: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (folder / "d.png").write_bytes(b"what was there")
    before = contents(folder)
    monkeypatch.setattr("os.fsync", full)
    said = reverie("dream", "photo.jpg", "-o", "d.png", "--quiet", *FEW)
    check_refusal(said, "d.png cannot be written: No space left on device")
    assert contents(folder) == before
