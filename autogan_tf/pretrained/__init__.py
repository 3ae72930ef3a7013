"""Generators that come with the program, trained: their weights, what they are, and how to load one."""
