"""What is decided before the first step, and planned again on the way."""
