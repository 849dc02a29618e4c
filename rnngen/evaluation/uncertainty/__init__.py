"""How sure a score is: confidence intervals, and differences between models, by block bootstrap over the text."""
