"""Every number of an analysis, as plain values for JSON: seconds, bytes, operations; sizes are (height, width)."""

from __future__ import annotations

import dataclasses
from typing import Any

from reverie.analysis.analyze import Analysis, PhotoAnalysis
from reverie.analysis.layers import LayerStatistics
from reverie.analysis.timing import STEPS_A_TURN, WARMUP_STEPS, Timing, find_turn_order


def build_results(analysis: Analysis) -> dict[str, Any]:
    """The whole analysis as values that JSON can hold. `score` is what the paper calls loss."""
    return {
        "model": {"name": analysis.model, "sha256": analysis.digest},
        "objective": analysis.objective,
        "settings": analysis.settings.as_dict(),
        "parameters": build_parameter_results(analysis),
        "photos": [build_photo_results(each) for each in analysis.photos],
        "performance": build_performance_results(analysis),
        "machine": dict(analysis.machine),
        "peak_memory_bytes": analysis.memory,
    }


def build_parameter_results(analysis: Analysis) -> dict[str, Any]:
    """Counts of parameters, in all and by block."""
    own = analysis.parameters
    blocks = {name: {"trainable": kinds[0], "non_trainable": kinds[1]} for name, kinds in own.blocks.items()}
    return {"total": own.total, "trainable": own.trainable, "non_trainable": own.non_trainable, "blocks": blocks}


def build_photo_results(analysis: PhotoAnalysis) -> dict[str, Any]:
    """One photo: its layers, and the scores of its dream."""
    climb = analysis.climb
    return {
        "name": analysis.name,
        "size": analysis.size,
        "layers": [build_layer_results(each) for each in analysis.layers],
        "sum_of_means": sum(each.mean for each in analysis.layers),
        "score_start": climb.score_start,
        "score_end": climb.score_end,
        "octaves": [dataclasses.asdict(octave) for octave in climb.octaves],
        "snapshots": [{"octave": each.octave, "step": each.step, "score": each.score} for each in climb.snapshots],
    }


def build_layer_results(statistics: LayerStatistics) -> dict[str, Any]:
    """Statistics of one layer's activations."""
    return {
        "layer": statistics.layer,
        "shape": statistics.shape,
        "mean": statistics.mean,
        "standard_deviation": statistics.deviation,
        "share_of_zeros": statistics.zeros,
        "minimum": statistics.least,
        "maximum": statistics.most,
        "histogram": {"edges": statistics.edges, "counts": statistics.counts},
        "strongest_channels": [{"channel": number, "mean": mean} for number, mean in statistics.strongest],
    }


def build_performance_results(analysis: Analysis) -> dict[str, Any]:
    """Times of all variants, and how they were measured."""
    turns = analysis.plan.turns
    protocol = {
        "turns": turns,
        "steps_a_turn": STEPS_A_TURN,
        "warm_up_steps": WARMUP_STEPS,
        "size": analysis.photos[0].size,
    }
    flops = dataclasses.asdict(analysis.flops) if analysis.flops else None
    variants = [build_timing_results(timing, analysis) for timing in analysis.timings]
    return {"protocol": protocol | {"order": find_turn_order(analysis.timings)}, "flops": flops, "variants": variants}


def build_timing_results(timing: Timing, analysis: Analysis) -> dict[str, Any]:
    """Times, memory and agreement of one variant."""
    return {
        "variant": timing.variant,
        "engine": timing.engine,
        "device": timing.device,
        "precision": timing.precision,
        "seconds_a_step": dataclasses.asdict(timing.seconds),
        "steps_a_second": 1 / timing.seconds.median,
        "ratio_to_first": dataclasses.asdict(timing.ratio),
        "flops_a_second": compute_flop_rate(timing, analysis),
        "matmul_peak_flops_a_second": timing.peak,
        "share_of_peak": compute_share_of_peak(timing, analysis),
        "peak_memory_bytes": timing.memory,
        "score": timing.score,
        "gradient_cosine_to_first": timing.cosine,
        "samples": [{"turn": each.turn, "seconds": each.seconds} for each in timing.samples],
    }


def compute_flop_rate(timing: Timing, analysis: Analysis) -> float | None:
    """Operations of a gradient over the median time of a whole step, in operations a second; None if not counted."""
    return analysis.flops.step / timing.seconds.median if analysis.flops else None


def compute_share_of_peak(timing: Timing, analysis: Analysis) -> float | None:
    """The rate of a step over the measured matmul peak, 0..1; None if the operations were not counted."""
    rate = compute_flop_rate(timing, analysis)
    return rate / timing.peak if rate else None
