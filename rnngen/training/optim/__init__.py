"""The recipes that turn gradients into steps."""
