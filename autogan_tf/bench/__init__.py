"""The bench: a table of what each architecture of a small space is worth when it is trained from scratch.

So far its recipe and the classifier that judges; the rows are being made by tools/make_bench.py.
"""
