"""What the assets of a job are to each other: which are made from which, and by whom as well.

Belongs here: questions to the graph. Does not: what of it has been made (`catch_up`, `outdated`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from market_pipeline.domain.catch_up import with_all_below


@dataclass(frozen=True, slots=True)
class JobAssets:
    """What a job makes, what is made from each, and what of it each job makes.

    `following` are those that are made by themselves when their inputs are, `blocking` the checks
    (of an asset, by name) whose failure stops what is made from it.
    """

    names: frozenset[str]
    following: frozenset[str]
    children: Mapping[str, Sequence[str]]
    jobs: Mapping[str, frozenset[str]]
    blocking: frozenset[tuple[str, str]] = frozenset()

    def with_what_lacks_them(self, names: Iterable[str]) -> frozenset[str]:
        """Add what is made from some assets."""
        return with_all_below(names, self.children, self.names)

    def with_what_follows(self, names: Iterable[str]) -> frozenset[str]:
        """Add what is made from some assets and follows its inputs."""
        return with_all_below(names, self.children, self.following)

    def selection(self, names: frozenset[str]) -> list[dg.AssetKey] | None:
        """Give some of the assets as a run request names them; None: all of the job."""
        if self.names == names:
            return None
        return [dg.AssetKey.from_user_string(name) for name in sorted(names)]


def assets_of(
    context: dg.SensorEvaluationContext | dg.ScheduleEvaluationContext, job: str
) -> JobAssets:
    """Ask the graph of the repository that is evaluated about a job."""
    repository = context.repository_def
    if repository is None:
        raise dg.DagsterInvariantViolationError("what asks for a job needs its repository")
    graph = repository.asset_graph
    of_jobs = {
        name: set(repository.get_job(name).asset_layer.executable_asset_keys)
        for name in repository.job_names
        if not name.startswith("__")  # runs of what people pick name their assets themselves
    }
    keys = [key for key in of_jobs[job] if graph.get(key).is_partitioned]
    children = {
        key.to_user_string(): [c.to_user_string() for c in graph.get(key).child_keys]
        for key in keys
    }
    jobs = {
        name: frozenset(key.to_user_string() for key in made & set(keys))
        for name, made in of_jobs.items()
        if made & set(keys)
    }
    following = frozenset(
        key.to_user_string() for key in keys if graph.get(key).automation_condition is not None
    )
    blocking = frozenset(
        (key.asset_key.to_user_string(), key.name)
        for key in graph.asset_check_keys
        if graph.get_check_spec(key).blocking
    )
    return JobAssets(frozenset(children), following, children, jobs, blocking)
