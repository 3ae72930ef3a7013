"""Candidates whose trainings the bench has on record: what each came to is looked up, and nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from autogan_tf.bench.table import LOW_IS_GOOD, Table
from autogan_tf.nas.estimation.candidate_training import Job, Result

SEED = 0  # of the trainings that searches are told of; the others are for judging what they found


class Recorded:
    """In place of `Workers` and of `CandidateTraining`: the trainings of a table, those with `SEED`.

    One that failed before it was scored counts as the worst of all.

    Args:
      tables: by number of cells.
    """

    def __init__(self, tables: Mapping[int, Table]) -> None:
        self._tables = {len(table.architectures[0]): table for table in tables.values()}
        self._worst: dict[tuple[int, str], float] = {}  # by number of tokens and score

    def map(self, jobs: Sequence[Job], *, wait: Callable[[], None]) -> Iterator[Result]:
        """As `Workers.map`."""
        for job in jobs:
            wait()
            yield self.run(job)

    def run(self, job: Job) -> Result:
        """As `CandidateTraining.run`, whatever the job's seed and number of images; nothing is written."""
        found = self._tables[len(job.tokens)].query(job.tokens, steps=job.steps, seed=SEED)
        scores = {name: getattr(found, name) for name in LOW_IS_GOOD}
        worst = {name: self._worst_of(len(job.tokens), name) for name, value in scores.items() if math.isnan(value)}
        return Result(scores | worst, found.steps, found.failure)

    def _worst_of(self, length: int, score: str) -> float:
        if (length, score) not in self._worst:
            values = self._tables[length].values(score, seed=SEED).values()
            self._worst[length, score] = max(values) if LOW_IS_GOOD[score] else min(values)
        return self._worst[length, score]

    def score(self, job: Job) -> Result:
        """As `CandidateTraining.score`."""
        return self.run(job)

    def pictures(self, job: Job) -> None:
        """None are kept."""

    def close(self) -> None:
        """As `Workers.close`: nothing."""
