"""What happens inside a network while it reads: how far gradients reach."""
