"""`python -m market_pipeline_tests.storm.undisturbed JOB FIRST LAST [...]`: the same work in peace.

One process, one run a job, each over its whole range: what a storm's tables are held against. The
settings come from the environment.
"""

import sys
from collections.abc import Sequence

from market_pipeline.automation.jobs import range_tags
from market_pipeline.definitions import build_defs
from market_pipeline.operations.backfill import dagster_instance

_QUIETLY = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main(arguments: Sequence[str]) -> int:
    """Run jobs over ranges of dates; give 0 where all of them succeeded."""
    definitions = build_defs()
    with dagster_instance() as instance:
        for job, first, last in zip(*[iter(arguments)] * 3, strict=True):
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance, tags=range_tags(first, last), run_config=_QUIETLY,
                raise_on_error=False,
            )  # fmt: skip
            if not result.success:
                print(f"{job} from {first} to {last} failed", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
