"""Stacks that the engine tells of: a preview or a state, of any program in any language."""
