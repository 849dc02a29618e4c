"""What happens inside a network while it reads: gates and states, and how far gradients reach back."""
