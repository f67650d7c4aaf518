"""Show a run while it goes: loss, speed, time left; silent where nobody watches."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


class Progress:
    """A progress bar in a terminal or a live notebook; nothing elsewhere."""

    def __init__(self, total: int, done: int, *, show: bool | None, leads: bool) -> None:
        in_kernel = "ipykernel" in sys.modules and os.environ.get("COMPANION_STATIC") != "1"
        wanted = (sys.stderr.isatty() or in_kernel) if show is None else show
        self.bar = None
        if wanted and leads:
            # tqdm.auto draws a widget in a notebook and a line in a terminal; both know speed and remaining time.
            from tqdm.auto import tqdm

            self.bar = tqdm(total=total, initial=done, unit="update", dynamic_ncols=True)

    def update(self, loss: float, learning_rate: float) -> None:
        """Count one update."""
        if self.bar is None:
            return
        try:
            self.bar.set_postfix_str(f"loss {loss:.3f}, lr {learning_rate:.1e}", refresh=False)
            self.bar.update()
        except OSError:
            # The terminal is gone; the run is not.
            self.bar = None

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            with suppress(OSError):
                self.bar.close()
