"""Compiles the package's kernels if a C compiler is there; without one, the package does all in torch."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = "reverie/_native/ckernels"
"""Their source (.c) and library (.so on every system: ctypes asks for a path alone), within `src` and a wheel."""

FLAGS = ["-O3", "-fopenmp-simd", "-fno-math-errno", "-shared"]


class CompileKernels(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the library into `src` and have the wheel take it along, as one of this platform."""
        library = Path(self.root, "src", f"{KERNELS}.so")
        failure = compile_library(library.with_suffix(".c"), library)
        if failure is not None:
            self.app.display_warning(f"{failure}: the kernels are left out, torch does their work")
            return
        # ctypes loads the library, so it depends on the platform alone, on no Python and none of its ABIs.
        platform = self.build_config.builder.get_best_matching_tag().rpartition("-")[2]
        build_data |= {"pure_python": False, "tag": f"py3-none-{platform}"}
        build_data["force_include"][str(library)] = f"{KERNELS}.so"


def compile_library(source: Path, library: Path) -> str | None:
    """Compile one C file into a shared library. Returns why it cannot be, or None."""
    compiler = find_compiler()
    if compiler is None:
        return "no C compiler"
    # Never in place: a process may have the last one loaded.
    part = library.with_suffix(f".{os.getpid()}.part")
    try:
        done = subprocess.run([*compiler, *platform_flags(), source, "-o", part], capture_output=True, text=True)
        if done.returncode:
            library.unlink(missing_ok=True)  # it would be of another source
            return f"{compiler[0]} did not compile them:\n{done.stderr}\n"
        part.replace(library)
    except OSError as error:
        return f"{compiler[0]} could not be run, or its library not be written ({error})"
    finally:
        part.unlink(missing_ok=True)
    return None


def find_compiler() -> list[str] | None:
    """The words that a call of the C compiler begins with: what CC says, or the first that is there."""
    # Microsoft's own is not among them: it takes none of our flags.
    said = shlex.split(os.environ.get("CC", ""), posix=os.name == "posix")
    return next((words for words in (said, ["cc"], ["gcc"], ["clang"]) if words and shutil.which(words[0])), None)


def platform_flags() -> list[str]:
    """The compiler's flags on this system."""
    if sys.platform == "win32":
        return FLAGS
    if sys.platform == "darwin":  # ARCHFLAGS says for which processor, where that is not this machine's
        return [*FLAGS, "-fPIC", *shlex.split(os.environ.get("ARCHFLAGS", ""))]
    return [*FLAGS, "-fPIC"]
