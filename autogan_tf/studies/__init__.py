"""Many searches beside each other, for the command study: which strategy, estimation or setting finds better.

answers: what each search had found when; trained: what that is worth, by trainings of its own; document: all of it as
plain data, with the statistics of bench/comparison.py; page: as a page and in TensorBoard. Where the bench's table is
the judge, bench/judging.py says what architectures are worth.
"""
