"""The classical experiments with recurrent networks, each in a few minutes."""
