"""The faults that are injected, in words."""

FAULTS = {
    "killed": "the process ends there, with no clearing up, as by SIGKILL",
    "interrupted": "Ctrl+C or SIGTERM at the command line",
    "KeyboardInterrupt": "Ctrl+C in a program that uses the package",
    "one error": "the operation fails (EIO)",
    "full disk": "it and all that need room fail from then on (ENOSPC)",
}
