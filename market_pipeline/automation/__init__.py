"""The clock and the events that start work, and what is set up once for every run.

Belongs here: schedules, sensors and the jobs they start. Does not: what an asset waits for
(`assets/conditions.py`) or how a run is launched (`dagster.yaml`).
"""
