"""What the project costs, measured against doing without it: `python -m benchmarks`.

One module of `measures` a benchmark; `lab` gives each its throw-away surroundings, `rows` the
shape of a figure. How to read the figures stands in docs/benchmarks.md.
"""
