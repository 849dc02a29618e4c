"""Learning from text: plan → loop of events → a run on disk."""
