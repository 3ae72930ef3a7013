"""The search: shared training of the supernet, reward, REINFORCE, growth and beam, dynamic reset."""
