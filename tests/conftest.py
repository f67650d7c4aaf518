"""What all tests share: the environment in which the book's notebooks are executed."""

from notebooks import set_environment

set_environment()
