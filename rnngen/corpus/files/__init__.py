"""The files that the sources of a text stand for, what kinds of files they are, and which are skipped and why."""
