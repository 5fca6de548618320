"""The paper's performance analysis: parameters of a network, its activations, the score of a dream, time and memory.

    photo, variants --analyze--> Analysis --write_report--> report/index.html, results.json, figures/

`variants` are the ways to run one network (engine, device, precision). `parameters`, `layers`, `climb`, `flops`,
`timing` and `machine` measure; `results` writes every number down; `style`, `charts` and `pictures` draw; `page` and
`folder` make the report. Nothing here dreams by a loop of its own.
"""
