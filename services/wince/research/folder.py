"""The folder of an export: written beside its place, whole or not there, readable by its owner alone, no larger than its cap."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from wince import canonical
from wince.errors import ConfigError, ResourceError
from wince.research.columns import TABLES


class _Hashed:
    """A text file that counts and hashes what is written into it."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")
        self._budget, self._sha256 = budget, hashlib.sha256()
        self.bytes = 0

    def write(self, text: str) -> None:
        """Raises ResourceError where the export grows beyond its cap."""
        data = text.encode()
        self._budget.take(len(data))
        self._sha256.update(data)
        self.bytes += len(data)
        self._file.write(data)

    def close(self) -> None:
        """Durable afterwards. Idempotent."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def sha256(self) -> str:
        """Of all that was written (hex)."""
        return self._sha256.hexdigest()


class Budget:
    """How many bytes may still be written."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, count: int) -> None:
        """Raises ResourceError where it is used up."""
        self._left -= count
        if self._left < 0:
            raise ResourceError(f"the export is larger than {self._most} bytes", field="--most-gib", remedy="raise it, or export less")


class Folder:
    """A context: rows go into its tables; `finish` puts it in its place, else nothing is left of it."""

    def __init__(self, place: Path, most_bytes: int) -> None:
        """Raises ConfigError where there is something at the place already, ResourceError where nothing can be written there."""
        self.place = place.absolute()
        if os.path.lexists(self.place):
            raise ConfigError("is there already", field=str(place), remedy="name a folder that is not there yet")
        self._budget, self._stack = Budget(most_bytes), ExitStack()
        with _writing(place):
            self._draft = Path(tempfile.mkdtemp(prefix=f".{self.place.name}.", dir=self.place.parent))  # mode 0700
        self.rows = dict.fromkeys(TABLES, 0)

    def __enter__(self) -> Folder:
        with _writing(self.place):
            self._files = {name: _Hashed(self._draft / f"{name}.csv", self._budget) for name in TABLES}
        self._writers = {name: csv.writer(file, lineterminator="\n") for name, file in self._files.items()}
        for name, columns in TABLES.items():
            self._writers[name].writerow([one.name for one in columns])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files.values():
            try:
                file.close()
            except OSError:  # the disk is full: it is removed anyway, or `closed` told before
                continue
        shutil.rmtree(self._draft, ignore_errors=True)

    def add(self, table: str, row: Sequence[object]) -> None:
        """One row. Raises ResourceError."""
        with _writing(self.place):
            self._writers[table].writerow(row)
        self.rows[table] += 1

    def closed(self) -> Mapping[str, tuple[int, str]]:
        """Ends every table, durably: (bytes, sha256) of each. Raises ResourceError."""
        with _writing(self.place):
            for file in self._files.values():
                file.close()
        return {name: (file.bytes, file.sha256) for name, file in self._files.items()}

    def document(self, name: str, content: object) -> str:
        """A JSON file; its sha256 (hex). Raises ResourceError."""
        with _writing(self.place):
            file = _Hashed(self._draft / name, self._budget)
            try:
                file.write(canonical.text(content) + "\n")
            finally:
                file.close()
        return file.sha256

    def finish(self) -> None:
        """It is in its place, whole. Raises ResourceError, ConfigError where somebody put something there meanwhile."""
        if os.path.lexists(self.place):
            raise ConfigError("came into being meanwhile", field=str(self.place), remedy="name a folder that is not there yet")
        with _writing(self.place):
            self._draft.rename(self.place)
            for path in (self.place, self.place.parent):
                handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(error.strerror or "can't be written", field=str(place), remedy="free space, or name another folder") from None
