"""What holds for all tests: an interrupt can be sent, even where the whole run was started in the background.

And garbage is looked for less often: thousands of tests are kept until the end, and to go through them all again and
again was a quarter of the time that tests computed.
"""

from __future__ import annotations

import gc
import signal

import hypothesis

# A shell without job control starts background commands with SIGINT ignored, and every process below inherits that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


def pytest_collection_finish() -> None:
    """Leave alone what stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
