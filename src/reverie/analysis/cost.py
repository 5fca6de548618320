"""The page's section on time, memory and the machine, as texts and table rows."""

from __future__ import annotations

from reverie.analysis.analyze import Analysis
from reverie.analysis.results import compute_flop_rate, compute_share_of_peak
from reverie.analysis.timing import STEPS_A_TURN, WARMUP_STEPS, Timing


def describe_cost(analysis: Analysis) -> dict[str, object]:
    """The section's data for the template: times, agreement of the variants, the machine."""
    return {
        "protocol": describe_protocol(analysis),
        "speeds": [make_speed_row(timing, analysis) for timing in analysis.timings],
        "arithmetic": describe_arithmetic(analysis),
        "agreement": make_agreement_rows(analysis),
        "machine": describe_machine(analysis),
    }


def describe_protocol(analysis: Analysis) -> str:
    """A sentence on how the steps were timed."""
    height, width = analysis.photos[0].size
    turns, several = analysis.plan.turns, len(analysis.timings) > 1
    order = "taken in turn, A B A B, so that what slows the machine for a while slows all alike" if several else "each"
    ratio = "; a ratio compares the steps of one turn (median, least to most)" if several else ""
    return (
        f"A step (gradient and ascent) of the dream at {width} × {height} pixels, in one process: "
        f"{WARMUP_STEPS} steps to warm up, then {turns} turns of {STEPS_A_TURN} steps, {order}. "
        f"Median, and the middle half of all steps{ratio}."
    )


def make_speed_row(timing: Timing, analysis: Analysis) -> tuple[str, ...]:
    """A variant's row in the table of times: median, quartiles, steps a second, ratio, GFLOP/s, peak, share of it."""
    seconds, ratio = timing.seconds, timing.ratio
    rate, share = compute_flop_rate(timing, analysis), compute_share_of_peak(timing, analysis)
    return (
        timing.variant,
        f"{1000 * seconds.median:.1f}",
        f"{1000 * seconds.low:.1f} – {1000 * seconds.high:.1f}",
        f"{1 / seconds.median:.3g}",
        f"{ratio.median:.2f} ({ratio.least:.2f} – {ratio.most:.2f})",
        f"{rate / 1e9:,.0f}" if rate else "not counted",
        f"{timing.peak / 1e9:,.0f}",
        f"{share:.0%}" if share else "–",
    )


def describe_arithmetic(analysis: Analysis) -> str:
    """A sentence on how operations were counted, and what peak they are compared with."""
    if analysis.flops is None:
        return "Operations were not counted: torch knows no form of this network."
    return (
        f"One gradient is {analysis.flops.step / 1e9:.3g} GFLOP, {analysis.flops.how}. "
        "The time they are divided by is the whole step's. The peak is what torch.matmul of two large square matrices "
        "reached here, in the same precision, right after the timing: measured, not looked up."
    )


def make_agreement_rows(analysis: Analysis) -> list[tuple[str, ...]]:
    """A row for each variant: its memory, and how its score and gradient compare with the first variant's."""
    first = analysis.timings[0].score
    return [
        (
            timing.variant,
            format_gibibytes(timing.memory),
            f"{timing.score:.7g}",
            f"{(timing.score - first) / first:+.2%}" if first else "–",
            f"{timing.cosine:.6f}",
        )
        for timing in analysis.timings
    ]


def describe_machine(analysis: Analysis) -> list[tuple[str, str]]:
    """The machine as rows of name and value."""
    known = analysis.machine
    return [
        ("processor", known["processor"]),
        ("cores, threads", f"{known['cores']}, {known['threads']}"),
        ("instructions", ", ".join(known["instructions"]) or "not told"),
        ("graphics", ", ".join(known["graphics"]) or "none"),
        ("memory", format_gibibytes(known["memory_bytes"])),
        ("process's peak", format_gibibytes(analysis.memory)),
        ("system", known["system"]),
        ("versions", ", ".join(f"{name} {version}" for name, version in known["versions"].items())),
    ]


def format_gibibytes(count: int | None) -> str:
    """A number of bytes in GiB."""
    return "not told" if count is None else f"{count / 2**30:.2f} GiB"
