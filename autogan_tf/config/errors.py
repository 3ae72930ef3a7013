"""The one exception that means "the user must change something", as opposed to a defect of the program."""

import re


class UserError(ValueError):
    """Bad input: what is wrong, the value received, what was required and what to do, on one line.

    Commands print the message to stderr without a traceback and exit with code 2.
    """

    def __init__(self, message: str) -> None:
        # what libraries say, which many messages quote in their middle, ends in a full stop
        super().__init__(re.sub(r"(?<!\.)\.(?=[;,:](?:\s|$))", "", message))
