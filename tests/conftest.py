"""What holds for all tests: an interrupt can be sent, even where the whole run was started in the background."""

from __future__ import annotations

import signal

# A shell without job control starts background commands with SIGINT ignored, and every process below inherits that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
