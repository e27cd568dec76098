"""A limit on how long a call of another library may take, whatever it is waiting for."""

import threading
from collections.abc import Callable


def within(seconds: float, call: Callable[[], None]) -> BaseException | None:
    """Run `call` on a thread of its own; give what it raised, or None where it came to its end.

    Gives TimeoutError once `seconds` are over. The thread is left behind then, and does not hold
    up the end of the process: name resolution and other libraries' waiting cannot be interrupted.
    """
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # handed over to the waiting thread
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=run, name="notice", daemon=True)
    thread.start()
    thread.join(seconds)
    return ended[0] if ended else TimeoutError()
