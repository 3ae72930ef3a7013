"""The one exception that means "the user must change something", as opposed to a defect of the program."""


class UserError(ValueError):
    """Bad input: what is wrong, the value received, what was required and what to do, on one line.

    Commands print the message to stderr without a traceback and exit with code 2.
    """
