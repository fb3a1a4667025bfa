"""One request for one image: the answer judged, the body streamed to staging.

Every way it can go wrong is a `Fault`.
"""

from __future__ import annotations

import threading
from collections import Counter
from http import HTTPStatus
from pathlib import Path

from yolobg.images.jpeg_png import BadImageError
from yolobg.images.limits import Limits
from yolobg.images.staging import BodyInfo, EtagMismatchError, Incoming
from yolobg.model import ImageRecord, Staged
from yolobg.net.addresses import image_url, shown_url
from yolobg.net.client import Client
from yolobg.net.hosts import Host
from yolobg.net.request import Fault, asked, check_status, content_md5
from yolobg.net.response import Response, Timing
from yolobg.safe_names import safe_parts

__all__ = ["Requester"]

# What file servers send for images; S3 says binary/octet-stream for files stored without a type.
_TYPES = ("image/", "application/octet-stream", "binary/octet-stream", "application/x-download", "multipart/form-data")
_SPILL_BYTES = 1 << 20
_TWICE, _ODD_IMAGES = 2, 3


class Requester:
    """Makes requests; for any number of threads."""

    def __init__(self, client: Client, staging: Path, limits: Limits) -> None:
        self._client, self._staging, self._limits = client, staging, limits
        self._room = threading.local()
        slow = limits.slow_after_s, limits.slow_bytes_per_s
        self._timing = Timing(limits.connect_s, limits.read_s, *slow, limits.attempt_s)
        self._probe_timing = Timing(limits.probe_s, limits.probe_s, *slow, limits.probe_attempt_s)

    def get(self, host: Host, record: ImageRecord, *, seen: Counter[str]) -> Staged:
        """Fetch an image from a host into staging.

        Args:
            host: Whom to ask.
            record: What for.
            seen: SHA-256 of contents whose ETag did not fit, and how often, in tries for this image; added to.

        Raises:
            Fault: No image came of it.
            DownloadError: Staging cannot be written.
        """
        parts = safe_parts(record.file_name)
        if parts is None:
            raise Fault("gone", "its file name is not safe to use")
        timing = self._probe_timing if host.probing else self._timing
        url = image_url(host.base, parts)
        with asked(self._client, url, {}, timing=timing, redirects=self._limits.redirects) as answer:
            return self._receive(host, record, answer, self._judge(answer), seen)

    def _judge(self, answer: Response) -> BodyInfo:
        """What the headers promise; a Fault when they already show that it is not the image."""
        headers, limits = answer.headers, self._limits
        check_status(answer, HTTPStatus.OK, name=f"status {answer.status}", cap_s=limits.backoff_cap_s)
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and not kind.startswith(_TYPES):
            raise Fault("bad", f"the answer is {kind[:60]}, not an image")
        length = answer.length
        if length is not None and length > limits.image_bytes:
            raise Fault("gone", f"{length:,} bytes, more than the {limits.image_bytes:,} allowed")
        if length == 0:
            raise Fault("bad", "the answer is empty")
        return BodyInfo(
            shown_url(answer.url),
            content_md5(headers),
            headers.get("Content-Encoding", "").strip().lower(),
        )

    def _receive(self, host: Host, record: ImageRecord, answer: Response, info: BodyInfo, seen: Counter[str]) -> Staged:
        incoming = None
        try:
            incoming = Incoming(self._staging, record, info, limit_bytes=self._limits.image_bytes)
            rest = self._stream(answer, incoming)
            staged, proven = incoming.finish(rest, known=self._known(host, seen))
        except EtagMismatchError as error:
            seen[error.sha256] += 1
            host.etag_repeats += seen[error.sha256] == _TWICE
            raise Fault("bad", str(error)) from error
        except BadImageError as error:
            raise Fault("bad", str(error)) from error
        else:
            host.etag_fits += proven
            return staged
        finally:
            if incoming is not None:
                incoming.discard()

    def _known(self, host: Host, seen: Counter[str]) -> frozenset[str]:
        """Contents to take although their ETag does not fit, since this host's ETags look like MD5s and are none.

        They never fitted, and several images came with the same content twice, or this one came so time and again:
        damage that repeats itself for one image (a bad copy in a cache) is no sign of that.
        """
        if host.etag_fits:
            return frozenset()
        often = 1 if host.etag_repeats >= _ODD_IMAGES else self._limits.tries - _TWICE
        return frozenset(content for content, times in seen.items() if times >= often)

    def _stream(self, answer: Response, incoming: Incoming) -> bytearray:
        """Pass a body on in large pieces; returns the last one."""
        size = held = 0
        rest = self._body()
        for piece in answer.pieces():
            rest[held : held + len(piece)] = piece
            held += len(piece)
            size += len(piece)
            if size > self._limits.image_bytes:
                raise Fault("gone", f"more than the {self._limits.image_bytes:,} bytes allowed")
            if held >= _SPILL_BYTES:
                del rest[held:]
                incoming.add(rest)
                held = 0
        del rest[held:]
        return rest

    def _body(self) -> bytearray:
        """Room for a body, used again by its thread: one for each image would scatter over the memory."""
        try:
            room: bytearray = self._room.body
        except AttributeError:
            room = self._room.body = bytearray()
        return room
