"""The first process of an emulated host: holds its namespaces and does nothing else. Run as a file, without packages.

It is started with SIGCHLD ignored, so that the kernel collects what ends in the host; when it is killed, the kernel
ends every process of the host and removes its namespaces and links.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        signal.pause()
