"""Reading a script or a notebook without running it: what can be proved from its text."""
