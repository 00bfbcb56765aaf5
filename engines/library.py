"""TensorRT and TensorRT-RTX say None, False, a negative number, or nothing at all where something went
wrong, and tell a logger why. Here that becomes one error: their own last words, and our advice.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trt_anime.engines import flavours
from trt_anime.engines.targets import FlavourName
from trt_anime.errors import EngineError

_NO_REASON = "it gave no reason"

# What a machine without a GPU adds to every error, and often to none: driver too old, or no device.
_NO_GPU = re.compile(r"cudaError (35|100)\b")
# Lines that say less than the one before them.
_EMPTY = re.compile(rf"{_NO_GPU.pattern}|Parameter check failed|^Invalid Node")
_PLACE = re.compile(r"\(?In \w+ at /_src/\S+\)?")
_LONGEST = 300


class Library:
    """One flavour's module, its logger, and the advice for what it may say.

    Args:
        subject: what errors are about, such as an engine's file.
        advice: the library's words, as a regular expression -> what to do about it.
        otherwise: what to do about everything else.
        keep_all: whether the logger keeps every message, and not errors alone.

    Attributes:
        trt: the module.
        log: the logger, for the classes of the module that take one.
        title: as its makers write it.
    """

    def __init__(
        self,
        flavour: FlavourName,
        *,
        subject: str,
        advice: Mapping[str, str],
        otherwise: str,
        keep_all: bool = False,
    ) -> None:
        """Raises MissingError: the flavour isn't installed."""
        self.trt: Any = flavours.load(flavour)
        self.log: Any = _logger(self.trt, keep_all=keep_all)
        self.title = flavours.FLAVOURS[flavour].title
        self._subject = subject
        self._advice = advice
        self._otherwise = otherwise

    def asked(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a call that says None, False or a negative number where it failed.

        Args:
            what: what the library did then, such as ``gave no context``.

        Raises:
            EngineError: it did, or raised an error of its own.
        """
        result = self._called(what, function, *arguments)
        if result is None or result is False or (isinstance(result, int) and result < 0):
            raise self.error(what)
        return result

    def heard(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a call whose failure shows in nothing but the log.

        Raises:
            EngineError: an error was logged, or raised.
        """
        result = self._called(what, function, *arguments)
        if any(not _NO_GPU.search(message) for message in self.log.errors):
            raise self.error(what)
        return result

    def error(self, what: str, *, said: str | None = None) -> EngineError:
        """The one sentence. `said` stands for the last error that was logged since the last call began."""
        said = said or said_last(self.log.errors) or _NO_REASON
        cure = next(
            (cure for words, cure in self._advice.items() if re.search(words, said)), self._otherwise
        )
        return EngineError(f"{self._subject}: {self.title} {what} ({said[:_LONGEST]}); {cure}")

    def _called(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        self.log.forget()
        try:
            return function(*arguments)
        except (RuntimeError, TypeError, ValueError) as error:  # how the bindings say it now and then
            raise self.error(what, said=said_last([*self.log.errors[-1:], str(error)])) from error


def said_last(messages: Sequence[str]) -> str:
    """The last message that says what is wrong, as one line; empty where none does."""
    found = ""
    for message in messages:
        lines = [" ".join(line.split()) for line in message.splitlines()]
        telling = " ".join(line for line in lines if line and not _EMPTY.search(line))
        found = telling or found or " ".join(lines)
    return _PLACE.sub("", found).strip(" ;.")


def _logger(trt: Any, *, keep_all: bool) -> Any:
    class Log(trt.ILogger):  # type: ignore[misc]
        """Keeps what is said.

        Attributes:
            errors, warnings: since the last call began.
            messages: all of them, whatever their severity, if that was asked for.
        """

        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []
            self.warnings: list[str] = []
            self.messages: list[str] = []

        def forget(self) -> None:
            self.errors.clear()
            self.warnings.clear()

        def log(self, severity: Any, message: str) -> None:
            if keep_all:
                self.messages.append(message)
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)
            elif severity == trt.ILogger.WARNING:
                self.warnings.append(message)

    return Log()
