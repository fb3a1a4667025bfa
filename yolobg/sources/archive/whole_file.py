"""One whole remote file → disk: only if it changed, over several connections where Range allows, resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from yolobg.errors import DownloadError
from yolobg.files import step
from yolobg.model import Progress, no_progress
from yolobg.net.addresses import shown_url
from yolobg.sources.archive.ranges import fetch_stretches
from yolobg.sources.archive.remote import Remote, ResponseHead, TransientError
from yolobg.sources.archive.unpack import require_space

__all__ = ["WHOLE", "UnchangedError", "ask", "fetch_file", "fetch_whole", "md5_of", "remove_part"]

WHOLE = 200
_NOT_MODIFIED = 304
# How often a plain file that comes damaged is fetched.
COPIES = 3
_FIRST = 64 << 10
_PLAIN_MD5 = re.compile(r'"([0-9a-fA-F]{32})"')
_OWN_KEY = "x-amz-server-side-encryption-customer-algorithm"


class UnchangedError(Exception):
    """The server says that the file is still the one that the validators describe."""


def fetch_file(
    remote: Remote,
    folder: Path,
    *,
    parts: Path | None = None,
    known: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> tuple[Path, Mapping[str, str]]:
    """Fetch a whole file into `folder`, resuming what an earlier call began in `parts` (None is `folder`).

    Returns:
        Its path, and what the server said of it.

    Raises:
        UnchangedError: The file is still the one that `known` describes.
        GoneError: There is no such file.
        DownloadError: It cannot be fetched.
        YolobgError: The disk has too little room.
    """
    name = hashlib.sha256(remote.urls[0].encode()).hexdigest()[:16]
    part, done = (parts or folder) / f"{name}.part", folder / f"{name}.json"
    seen = set[str]()
    with contextlib.closing(remote):
        for _ in range(COPIES):
            answer = ask(remote, {"Range": f"bytes=0-{_FIRST - 1}"}, known)
            if answer.status == WHOLE:
                fetch_whole(remote, answer, part, progress)
            else:
                _fetch_ranges(remote, answer, part, progress)
            md5 = _promised_md5(answer)
            found = md5_of(part) if md5 else None
            # The same content twice is no damage: there are servers whose ETags only look like an MD5.
            if found == md5 or found in seen:
                step("rename", done)
                part.replace(done)
                remove_part(part)
                return done, answer.validators
            seen.add(found or "")
            remove_part(part)
            remote.deprioritize(answer.url, "damaged on the way: its MD5 is not what the server's ETag says")
    raise DownloadError(remote.failure_summary())


def _fetch_ranges(remote: Remote, answer: ResponseHead, part: Path, progress: Progress) -> None:
    answer.response.close()
    total = answer.total or 0
    require_space(part.parent, total, f"fetching {shown_url(remote.urls[0])}")
    # Without a validator nothing says that a later answer is about the same bytes, so nothing is continued.
    proof = answer.validators or {"run": uuid.uuid4().hex}
    identity = json.dumps([total, sorted(proof.items())])
    fetch_stretches(remote, [(0, total)], total, part, identity=identity, progress=progress, first=answer)


def _promised_md5(answer: ResponseHead) -> str | None:
    """The content's MD5 where the ETag is one (S3 sends it for single objects without a key of their own)."""
    match = _PLAIN_MD5.fullmatch(answer.validators.get("ETag", ""))
    said = answer.response.headers
    keyed = said.get("x-amz-server-side-encryption", "").startswith("aws:kms") or _OWN_KEY in said
    return match[1].lower() if match and not keyed else None


def md5_of(path: Path) -> str:
    """The MD5 of a file: a check against damage and other files, not against forgery."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def ask(remote: Remote, headers: Mapping[str, str], known: Mapping[str, str] | None) -> ResponseHead:
    """Send a request that is answered only if the file is not the one that `known` describes.

    Raises:
        UnchangedError: It is.
        DownloadError: No host answers.
    """
    conditions = {}
    if known and "ETag" in known:
        conditions["If-None-Match"] = known["ETag"]
    elif known and "Last-Modified" in known:
        conditions["If-Modified-Since"] = known["Last-Modified"]
    answer = remote.get({**headers, **conditions})
    if answer.status == _NOT_MODIFIED or (conditions and answer.validators == known):
        answer.response.close()
        raise UnchangedError
    return answer


def fetch_whole(remote: Remote, answer: ResponseHead, part: Path, progress: Progress) -> None:
    """Fetch a file from a host without Range into `part`; a broken transfer can only begin again.

    Raises:
        DownloadError: No transfer came to its end.
        YolobgError: The disk has too little room.
    """

    def take(answer: ResponseHead) -> None:
        if answer.total is not None:
            require_space(part.parent, answer.total, "fetching the archive")
        step("create", part)
        done = 0
        with part.open("wb") as out:
            for chunk in remote.body(answer):
                step("write", part)
                out.write(chunk)
                done += len(chunk)
                progress("annotations", done, answer.total)
        if answer.status != WHOLE or answer.total not in (None, done):
            remote.deprioritize(answer.url, f"HTTP {answer.status} with {done} of {answer.total} bytes")
            raise TransientError("not the whole file")

    remote.read(answer, {}, take)


def remove_part(part: Path) -> None:
    """Remove a part file and its journal."""
    for path in (part, part.with_suffix(".journal")):
        with contextlib.suppress(OSError):  # Windows refuses while a process reads it; the work folder goes later
            step("unlink", path)
            path.unlink()
