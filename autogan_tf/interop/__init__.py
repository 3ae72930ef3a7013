"""Weights from and to the published PyTorch implementation; reading its checkpoint files."""
