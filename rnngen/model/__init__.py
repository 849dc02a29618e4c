"""The networks.

Each dimension has one capital letter, the same in every docstring and comment: B batch size (parallel streams of text),
T steps, V vocabulary, E embedding, H hidden units, L layers, S tensors in a layer's state (2 in an LSTM, h and c;
1 in the others, h). A state is one tensor (L, S, B, H), where H is the width of the widest layer. A narrower layer
(the last one of a tied network has E units) uses the first entries of its part; the others stay 0. A network whose
inputs depend on earlier tokens has these in further columns of its state: see ``inputs.py``.
"""
