"""The `shardwright` command, and `python -m shardwright`: as little as can stand before an interrupt is heeded.

Importing the command line takes tens of milliseconds, in which Ctrl-C must not end in a traceback.
"""

import gc
import os

__all__ = ["run"]

_EXIT_INTERRUPTED = 130


def run() -> None:
    """Import the command line and run it; an interrupt meanwhile is said in one line."""
    gc.set_threshold(50_000)  # a command makes much and drops little; looking for cycles each 700 objects is wasted
    try:
        import signal  # noqa: PLC0415 - inside, as the next

        # A pod that goes, `timeout` and CI jobs end a command so: it leaves no lease and no pod behind, as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from shardwright.cli.main import run as run_command  # noqa: PLC0415 - inside, so that an interrupt is heeded
    except BaseException as problem:
        # Python 3.11 wraps an interrupt that came while it made a class.
        if not isinstance(problem, KeyboardInterrupt) and not isinstance(problem.__cause__, KeyboardInterrupt):
            raise
        os.write(2, b"shardwright: interrupted\n")
        os._exit(_EXIT_INTERRUPTED)
    try:
        run_command()
    finally:
        gc.freeze()  # or the exit looks for cycles in all that was imported, which takes a tenth of a plan's time


if __name__ == "__main__":
    run()
