"""The search: strategies that ask for architectures, estimators that say what they are worth, and what joins them."""
