"""The networks.

Dimensions, one capital letter each, the same in every docstring and comment: B streams, T steps,
V vocabulary, E embedding, H hidden units, L layers, S tensors in a layer's state (2 for an LSTM: h and c;
1 for the others: h). A state is one tensor (L, S, B, H), where H is the width of the widest layer: a narrower one
(the last one of a tied network has E units) uses the first entries of its part, and the others stay 0.
"""
