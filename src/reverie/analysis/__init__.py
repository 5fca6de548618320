"""The paper's performance analysis: what a network is, what it answers, how a dream climbs, and what that costs.

    photo, variants --analyze--> Analysis --write_report--> report/index.html, results.json, figures/

`variants` are the ways to run one network (engine, device, precision). `parameters`, `layers`, `climb`, `flops`,
`timing`, `machine` and `memory` measure; `results` writes every number down; `style`, `charts` and `pictures` draw;
`page` and `folder` make the report. Nothing here dreams by a loop of its own: it reads `dream_steps`.
"""

from __future__ import annotations

from reverie.analysis.analyze import Analysis, Plan, analyze
from reverie.analysis.report import write_report
from reverie.analysis.variants import Variant, load_variants

__all__ = ["Analysis", "Plan", "Variant", "analyze", "load_variants", "write_report"]
