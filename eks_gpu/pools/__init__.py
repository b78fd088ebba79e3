"""The pools of a stack, read from its resources, whichever library made them."""
