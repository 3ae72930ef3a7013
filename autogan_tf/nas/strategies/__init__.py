"""Search strategies: how architectures are proposed, and what is learnt from their rewards."""
