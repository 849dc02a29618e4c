"""Small generated languages in which one symbol decides another one a known number of symbols later."""
