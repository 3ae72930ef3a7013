"""Candidates whose trainings the bench has on record: what each came to is looked up, and nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from autogan_tf.bench.judging import SEED
from autogan_tf.bench.table import LOW_IS_GOOD, Table
from autogan_tf.nas.estimation.candidate_training import Job, Result


class Recorded:
    """In place of `Workers` and of `CandidateTraining`: the trainings of a table, those with `SEED`.

    One that failed before it was scored counts as the worst of all.

    Args:
      tables: of different numbers of cells.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {len(table.architectures[0]): table for table in tables}

    def map(self, jobs: Sequence[Job], *, wait: Callable[[], None]) -> Iterator[Result]:
        """As `Workers.map`."""
        for job in jobs:
            wait()
            yield self.run(job)

    def run(self, job: Job) -> Result:
        """As `CandidateTraining.run`, whatever the job's seed and number of images; nothing is written."""
        table = self._tables[len(job.tokens)]
        found = table.query(job.tokens, steps=job.steps, seed=SEED)
        if not found.steps:  # it has no scores
            return Result({name: table.values(name, seed=SEED)[job.tokens] for name in LOW_IS_GOOD}, 0, found.failure)
        return Result({name: getattr(found, name) for name in LOW_IS_GOOD}, found.steps, found.failure)

    def score(self, job: Job) -> Result:
        """As `CandidateTraining.score`."""
        return self.run(job)

    def pictures(self, job: Job) -> None:
        """None are kept."""

    def close(self) -> None:
        """As `Workers.close`: nothing."""
