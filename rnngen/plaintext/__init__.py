"""Results as plain text: what the command line prints and what Python shows of cards, lists of runs, comparisons."""
