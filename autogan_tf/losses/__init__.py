"""Adversarial losses, pure functions of logits."""
