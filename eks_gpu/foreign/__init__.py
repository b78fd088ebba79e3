"""Stacks of any program in any language, read from a preview or a state."""
