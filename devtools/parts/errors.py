"""What can go wrong with a part.

PartError            a part did not start, or did not answer
  ProgramMissing     a program is not installed; the text says what to install
  NotOurs            asked to kill or restart something we did not start
"""


class PartError(Exception):
    """A part did not start or did not answer. The text ends with the tail of its log."""


class ProgramMissing(PartError):
    """A program the part needs is not installed and we may not install it."""


class NotOurs(PartError):
    """The part's address was given to us: it is not ours to kill or restart."""
