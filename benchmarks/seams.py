"""Do the borders of tiles show in a dream?

    python benchmarks/seams.py [--size 900] [--tiles 320] [--seeds 4]

Dreams the example with the defaults, cut into windows, and compares how much neighboring pixels differ across the
borders of the windows with how much they differ everywhere else (root mean square, all seeds together). A ratio of 1 is
no seam; wanted: at most 1.02. The same dreams uncut, measured at the same places, say what of it is the pictures' own.
"""

from __future__ import annotations

import argparse

import torch
from machine import describe

import reverie as rv
from reverie.ascent.octaves import finish_dream
from reverie.gradient.tiling import TilePlan, affordable_halo
from reverie.image.resample import resize_longest_side
from reverie.recipe.inputs import EXAMPLE, input_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--tiles", type=int, nargs="+", default=[320])
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    print(describe())
    model, wish = rv.load_model("squeezenet"), rv.objective("fire8^2")
    image = resize_longest_side(rv.open_image(input_path(EXAMPLE)), given.size)

    def dreamed(tile: int | None) -> torch.Tensor:
        """One picture for every seed (seeds, 3, h, w)."""
        dreams = []
        for seed in range(given.seeds):
            settings = rv.Settings(seed=seed)
            gradient = rv.dream_gradient(model, wish, settings, tile)
            dreams.append(finish_dream(rv.dream_steps(image, gradient, settings), image))
        return torch.cat(dreams)

    whole = dreamed(None)
    for tile in given.tiles:
        halo = affordable_halo(tile)
        plan = TilePlan.of(model, wish, tile, halo)
        rows, columns = ([window.owned[0] for window in plan.windows(side)][1:] for side in image.shape[-2:])
        ratio, own = (energy(picture, rows, columns) for picture in (dreamed(tile), whole))
        cut = f"{len(rows) + 1} x {len(columns) + 1} windows of {tile}, halo {plan.before} and {plan.behind}"
        print(f"{image.shape[3]} x {image.shape[2]} in {cut}: borders {ratio:.3f} of elsewhere (uncut: {own:.3f})")


def energy(picture: torch.Tensor, rows: list[int], columns: list[int]) -> float:
    """How much pixels differ across the borders, against everywhere else."""
    across = torch.cat([part.flatten() for part in differences(picture, rows, columns, inside=True)])
    elsewhere = torch.cat([part.flatten() for part in differences(picture, rows, columns, inside=False)])
    return float((across.square().mean() / elsewhere.square().mean()).sqrt())


def differences(picture: torch.Tensor, rows: list[int], columns: list[int], inside: bool) -> list[torch.Tensor]:
    """Of neighbors: those on the two sides of a border, or all others."""
    found = []
    for axis, borders in ((2, rows), (3, columns)):
        steps = picture.diff(dim=axis)
        chosen = torch.zeros(steps.shape[axis], dtype=torch.bool)
        chosen[torch.tensor(borders) - 1] = True
        found.append(steps.movedim(axis, 0)[chosen if inside else ~chosen])
    return found


if __name__ == "__main__":
    main()
