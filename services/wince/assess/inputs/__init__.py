"""What a user hands over: paths, standard input, cameras, the calm face, and how an input is looked at."""

from wince.assess.inputs.paths import Input, Inputs, gather

__all__ = ["Input", "Inputs", "gather"]
