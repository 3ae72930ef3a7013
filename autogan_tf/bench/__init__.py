"""The bench: a table of what each architecture of a small space is worth when it is trained from scratch, and studies.

recipe: how the table's trainings are made; table: what they came to; effects, agreement: what follows from them;
judging: what an architecture is worth beside the luck of its training; comparison, study_data, study_page: many
searches beside each other, for the command study. The rows are made by tools/make_bench.py.
"""
