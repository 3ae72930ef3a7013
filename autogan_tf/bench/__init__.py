"""The bench: a table of what each architecture of a small space is worth when it is trained from scratch.

recipe: how the table's trainings are made; table: what they came to; effects, agreement: what follows from them;
judging: what an architecture is worth beside the luck of its training; shared_scores, features: what supernets say of
the same architectures, and what trained ones draw; comparison: the statistics of comparing; halves: which architectures
searches are tuned by, and which they are proven by. The rows are made by tools/make_bench.py; many searches beside each
other are in autogan_tf/studies.
"""
