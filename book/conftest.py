"""Gives the kernels that nbval starts the environment in which the committed outputs were made."""

from notebooks import set_environment

set_environment()
