"""What is published holds all that it needs, says what it is, and is of a version that sorts as its commits do."""

from __future__ import annotations

import ctypes
import email
import email.message
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PUBLISHED = [name.strip("/") for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]]
REPOSITORY = PROJECT["project"]["urls"]["Repository"]
COMPILERS = ("cc", "gcc", "clang")


def run(*words: object, folder: Path, **environment: str) -> str:
    """What a command prints that runs in `folder`; nothing around us says which version or compiler to take."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SETUPTOOLS_SCM", "HATCH", "CC"))}
    words_said = [str(word) for word in words]
    done = subprocess.run(words_said, cwd=folder, env={**ours, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def build(kind: str, tree: Path, **environment: str) -> Path:
    """The wheel or sdist that is built of a tree, by what is installed: nothing is downloaded."""
    target = tree / "dist" / kind
    run(sys.executable, "-m", "hatchling", "build", "--target", kind, "-d", target, folder=tree, **environment)
    (built,) = target.iterdir()
    return built


def copy_tree(target: Path) -> Path:
    """What is published, as it lies here, without git and without what was compiled."""
    target.mkdir()
    for name in [*PUBLISHED, "pyproject.toml", ".gitignore"]:
        if (ROOT / name).is_dir():
            rest = shutil.ignore_patterns("__pycache__", "*.so", "*.part", "_build")
            shutil.copytree(ROOT / name, target / name, ignore=rest)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, target / name)
    return target


def unpack(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as file:
        file.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tree(tmp_path_factory.mktemp("packaging") / "tree")


@pytest.fixture(scope="module")
def sdist(tree: Path) -> Path:
    return build("sdist", tree)


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    return build("wheel", tree)


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_string(file.read(name).decode("utf-8"))


def package_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return {name for name in file.namelist() if name.startswith("reverie/")}


def source_files(tree: Path) -> set[str]:
    files = (path for path in (tree / "src").rglob("*") if path.is_file() and path.suffix != ".so")
    return {path.relative_to(tree / "src").as_posix() for path in files}


def kernels(wheel: Path) -> set[str]:
    return {name for name in package_files(wheel) if name.endswith(".so")}


def test_a_wheel_holds_the_whole_package(tree: Path, wheel: Path) -> None:
    assert package_files(wheel) - kernels(wheel) == source_files(tree)
    assert {"reverie/py.typed", "reverie/analysis/templates/report.css"} <= package_files(wheel)
    assert any(name.endswith(".safetensors") for name in package_files(wheel))


@pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C compiler is here")
def test_a_wheel_with_kernels_is_of_this_platform_and_of_any_python(wheel: Path, tmp_path: Path) -> None:
    assert re.search(r"-py3-none-(?!any)\w+\.whl$", wheel.name)
    (name,) = kernels(wheel)
    with zipfile.ZipFile(wheel) as file:
        library = ctypes.CDLL(file.extract(name, tmp_path))
    assert all(hasattr(library, function) for function in ("max_pool", "to_places", "halve", "sums"))


@pytest.mark.parametrize("compiler", ["absent", "broken"])
def test_without_a_compiler_a_wheel_is_of_any_platform(compiler: str, tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    no_programs = tmp_path / "programs"
    no_programs.mkdir()
    said = {"CC": sys.executable} if compiler == "broken" else {}
    wheel = build("wheel", tree, PATH=str(no_programs), **said)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert package_files(wheel) == source_files(tree)


def test_a_wheel_says_what_it_is(metadata: email.message.Message) -> None:
    assert metadata["Name"] == "reverie" and metadata["License-Expression"] == "Apache-2.0" and metadata["Author"]
    assert metadata["Requires-Python"] == ">=3.11"
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL") or [])
    assert urls.keys() >= {"Homepage", "Documentation", "Issues", "Changelog"}
    classifiers = metadata.get_all("Classifier") or []
    assert "Typing :: Typed" in classifiers and "Programming Language :: Python :: 3.11" in classifiers
    assert not [each for each in classifiers if each.startswith("License ::")]  # a licence expression forbids them


def test_on_a_package_index_every_link_and_picture_leads_to_a_file(metadata: email.message.Message, tree: Path) -> None:
    readme = str(metadata.get_payload())
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com") + "/HEAD/"
    pictures, links = (re.findall(rf"{mark}\[[^\]]*\]\(([^)]*)\)", readme) for mark in ("!", "(?<!!)"))
    assert pictures and all(picture.startswith(raw) for picture in pictures)
    assert links and all(link.startswith(("https://", "#")) for link in links)
    ours = [link.partition("/HEAD/")[2] for link in pictures + links if link.startswith((raw, REPOSITORY))]
    assert len(ours) > 3 and [path for path in ours if not (tree / path).exists()] == []


def test_an_sdist_holds_every_file_of_the_repository(sdist: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows which files are the repository's")
    with tarfile.open(sdist) as file:
        there = {name.partition("/")[2] for name in file.getnames()}
    tracked = set(run("git", "ls-files", folder=ROOT).splitlines())
    assert {name for name in tracked if (ROOT / name).exists()} - there == set()


def test_an_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    again = build("wheel", unpack(sdist, tmp_path))
    assert again.name == wheel.name and package_files(again) == package_files(wheel)


@pytest.mark.skipif(not shutil.which("git"), reason="git is not here")
def test_a_version_is_its_tag_and_sorts_as_the_commits_do(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")

    def git(*words: str) -> None:
        run("git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words, folder=tree)

    def version(folder: Path = tree) -> str:
        return run(sys.executable, "-m", "hatchling", "version", folder=folder)

    versions = {"no git": version()}
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    versions["no tag"] = version()
    git("tag", "v0.1.0")
    versions["tag"] = version()
    git("commit", "-q", "--allow-empty", "-m", "two")
    versions["after the tag"] = version()
    assert versions["no git"] == "0.2.0.dev0" and versions["tag"] == "0.1.0"
    assert Version(versions["no tag"]) > Version(versions["no git"])
    assert Version("0.1.0") < Version(versions["after the tag"]) < Version("0.1.1")
    unpacked = unpack(build("sdist", tree), tmp_path / "unpacked")
    assert version(unpacked) == versions["after the tag"]
