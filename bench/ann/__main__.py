"""`python -m ann`: one comparison, as `make bench-ann` runs it."""

import os
import signal
import sys

from ann.contest import run
from ann.process import WorkerError
from ann.settings import Settings, SettingsError

if __name__ == "__main__":
    # So that workers are ended and scratch files removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-ann: terminated"))
    try:
        run(Settings.read(os.environ))
    except (SettingsError, WorkerError, OSError) as e:
        sys.exit(f"bench-ann: {e}")
