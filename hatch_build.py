"""Compiles the package's kernels if a C compiler is there; without one, the package does all in torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = ["-O3", "-fopenmp-simd", "-fno-math-errno", "-fPIC", "-shared"]


class CompileKernels(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = Path(self.root, "src", "reverie", "native", "kernels.c")
        library = source.with_name("kernels.so")
        compiler = next(filter(shutil.which, [os.environ.get("CC", "cc"), "gcc", "clang"]), None)
        if compiler is None or os.name != "posix":
            self.app.display_warning("no C compiler: the kernels are left out, torch does their work")
            return
        done = subprocess.run([compiler, *FLAGS, source, "-o", library], capture_output=True, text=True)
        if done.returncode:
            library.unlink(missing_ok=True)
            self.app.display_warning(f"{compiler} did not compile the kernels, torch does their work:\n{done.stderr}")
            return
        build_data |= {"pure_python": False, "infer_tag": True}
        build_data["force_include"][str(library)] = "reverie/native/kernels.so"
