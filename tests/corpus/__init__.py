"""Whole rosters with what exports really hold, and text that is right but not simple.

The project's own corpus is made here. Others' (real exports, published test sets) joins it where it lies on the machine.
"""
