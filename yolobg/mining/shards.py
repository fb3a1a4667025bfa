"""The files of a folder that several machines score: a plan, a Parquet file of records for each shard, one of scores.

A file is written whole or not at all, and its content follows from the plan alone: two workers at one shard do no harm.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from yolobg.errors import UsageError
from yolobg.files import hash_file, read_ordinary, write_bytes
from yolobg.mining.choosing import Looked
from yolobg.model import ImageRecord

__all__ = [
    "Row",
    "Work",
    "create_work",
    "drop_damaged",
    "is_empty",
    "missing_shards",
    "open_work",
    "read_shard_records",
    "read_shard_rows",
    "write_rows",
]

_log = logging.getLogger(__name__)

VERSION = 1
PLAN = "plan.json"
_LIMIT_BYTES = 1 << 30
_WHOLE = "the folder has to be as `yolobg mine --plan` made it; plan again in a new folder"

_RECORDS = pa.schema(
    [
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("coco_url", pa.string()),
    ]
)
_ROWS = pa.schema(
    [
        ("image_id", pa.int64()),
        ("status", pa.string()),
        ("sha256", pa.string()),
        ("phash", pa.uint64()),
        ("score", pa.float64()),
        ("class_id", pa.int32()),
        *((side, pa.float64()) for side in ("x1", "y1", "x2", "y2")),
    ]
)


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be scored, and with what.

    Attributes:
        names: The dataset's classes.
        also: What other class names of a model stand for, as class ids of the dataset.
        source: The name of the source.
        catalog: The key of its catalog, made from the content of its annotations.
        folders: Where its images are on every machine; tried first.
        bases: Addresses of its images.
        frames: Whether names may mean frames of videos in the folders.
        model: The name of the copy of the model in the folder.
        model_sha256: Of its content.
        imgsz: Side in pixels that images are resized to.
        images: How many images there are in all shards.
        shards: SHA-256 of each shard's file of records.
    """

    names: dict[int, str]
    also: dict[str, int]
    source: str
    catalog: str
    folders: tuple[str, ...]
    bases: tuple[str, ...]
    model: str
    model_sha256: str
    imgsz: int
    images: int
    shards: tuple[str, ...]
    frames: bool = False


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    yolobg_mining: int
    sha256: str
    work: msgspec.Raw


class _DamagedError(UsageError):
    """A score file does not hold what was written into it."""


@dataclass(frozen=True)
class Row:
    """What came of one image: what was found in it, or why nothing could be."""

    source_id: int
    looked: Looked | None
    reason: str = ""


# ---------------------------------------------------------------- the plan


def create_work(folder: Path, work: Mapping[str, Any], shards: Sequence[Sequence[ImageRecord]]) -> Work:
    """Write the records of all shards, and then the plan.

    Args:
        folder: A new or empty folder; the model lies in it already.
        work: The fields of `Work` but for the counts.
        shards: The records, in the order of the candidates.

    Raises:
        OSError: It cannot be written.
    """
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    hashes = []
    for number, records in enumerate(shards):
        columns = [[getattr(record, name) for record in records] for name in ("id", *_RECORDS.names[1:])]
        path = _records_file(folder, number)
        _write_table(path, pa.table(columns, schema=_RECORDS))
        hashes.append(hash_file(path))
    made = Work(**work, images=sum(map(len, shards)), shards=tuple(hashes))
    raw = msgspec.json.encode(made)
    plan = _Plan(VERSION, hashlib.sha256(raw).hexdigest(), msgspec.Raw(raw))
    write_bytes(folder / PLAN, msgspec.json.encode(plan) + b"\n")
    return made


def open_work(folder: Path) -> tuple[Work, str]:
    """The plan of a folder, and its SHA-256.

    Raises:
        UsageError: There is none, or it is not as it was written.
    """
    path = folder / PLAN
    try:
        plan = msgspec.json.decode(read_ordinary(path, _LIMIT_BYTES), type=_Plan)
        work = msgspec.json.decode(plan.work, type=Work)
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: not a plan of `yolobg mine --plan` ({why})") from error
    if plan.yolobg_mining != VERSION:
        raise UsageError(f"{path}: version {plan.yolobg_mining}, but this yolobg reads version {VERSION}; plan again")
    if hashlib.sha256(plan.work).hexdigest() != plan.sha256:
        raise UsageError(f"{path}: was changed after it was written; {_WHOLE}")
    return work, plan.sha256


def missing_shards(folder: Path, work: Work) -> list[int]:
    """The shards that have no scores yet, from 0."""
    return [number for number in range(len(work.shards)) if not _rows_file(folder, number).is_file()]


def _records_file(folder: Path, number: int) -> Path:
    return folder / "in" / f"{number:05}.parquet"


def _rows_file(folder: Path, number: int) -> Path:
    return folder / "out" / f"{number:05}.parquet"


# ---------------------------------------------------------------- the shards


def read_shard_records(folder: Path, work: Work, number: int) -> list[ImageRecord]:
    """The images of a shard, in the order of the candidates.

    Raises:
        UsageError: The file is not the one that the plan was written with.
    """
    path = _records_file(folder, number)
    try:
        content = read_ordinary(path, _LIMIT_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; {_WHOLE}") from error
    if hashlib.sha256(content).hexdigest() != work.shards[number]:
        raise UsageError(f"{path}: is not the file of the plan; {_WHOLE}")
    rows = pq.read_table(io.BytesIO(content), schema=_RECORDS).to_pylist()
    return [ImageRecord(row.pop("image_id"), **row) for row in rows]


def write_rows(folder: Path, work: Work, plan: str, number: int, rows: Sequence[Row]) -> None:
    """Write what came of a shard's images; the file tells which plan and model it is of, and a digest of its rows.

    Raises:
        OSError: It cannot be written.
    """
    flat = [_flat(row) for row in rows]
    columns = [list(column) for column in zip(*flat, strict=True)]
    digest = _digest(plan, work.model_sha256, number, flat)
    told = {"yolobg_plan": plan, "model_sha256": work.model_sha256, "rows_sha256": digest}
    _write_table(_rows_file(folder, number), pa.table(columns, schema=_ROWS.with_metadata(told)))


def read_shard_rows(folder: Path, work: Work, plan: str, number: int) -> list[Row]:
    """What came of a shard's images.

    Raises:
        UsageError: The file cannot be read, is damaged or was changed, or is of another plan or model.
    """
    path = _rows_file(folder, number)
    try:
        content = read_ordinary(path, _LIMIT_BYTES)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror or error}") from error
    try:
        table = pq.read_table(io.BytesIO(content))
        told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        flat = [tuple(row[name] for name in _ROWS.names) for row in table.to_pylist()]
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise _refused(path, f"cannot be read as scores ({error})", _DamagedError) from error
    if told.get("model_sha256") != work.model_sha256:
        raise _refused(path, f"was scored with another model than {folder / work.model}")
    if told.get("yolobg_plan") != plan:
        raise _refused(path, f"is of another plan than {folder / PLAN}")
    if told.get("rows_sha256") != _digest(plan, work.model_sha256, number, flat):
        raise _refused(path, "was changed after it was written, or is of another shard", _DamagedError)
    return [_row(*one) for one in flat]


def drop_damaged(folder: Path, work: Work, plan: str, numbers: Iterable[int]) -> None:
    """Take away the score files of some shards that are not whole, so that these are scored again.

    Ours are written whole, but a machine that loses power or a full disk may leave an empty or a cut one.

    Raises:
        UsageError: One cannot be read or taken away, or is of another plan or model.
    """
    for path, number in ((_rows_file(folder, number), number) for number in numbers):
        try:
            if path.is_file():
                read_shard_rows(folder, work, plan, number)
        except _DamagedError:
            _log.warning("%s: is damaged or was changed after it was written, so its images are scored again", path)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise _refused(path, f"is damaged and cannot be removed: {error.strerror or error}") from error
        except UsageError:
            # Another worker that began at the same moment may have taken it away.
            if path.is_file():
                raise


def _refused(path: Path, why: str, kind: type[UsageError] = UsageError) -> UsageError:
    return kind(f"{path}: {why}; delete this file and run `yolobg mine --work {path.parent.parent}` again")


def _flat(row: Row) -> tuple[Any, ...]:
    looked = row.looked
    if looked is None:
        return (row.source_id, row.reason, None, None, None, None, None, None, None, None)
    return (row.source_id, "", looked.sha256, looked.picture, looked.score, looked.category, *looked.box)


def _row(
    source_id: int, status: str, sha256: str, picture: int | None, score: float, category: int | None, *box: float
) -> Row:
    if status:
        return Row(source_id, None, status)
    return Row(source_id, Looked(source_id, sha256, picture, score, category, (box[0], box[1], box[2], box[3])))


def _digest(plan: str, model: str, number: int, flat: Sequence[tuple[Any, ...]]) -> str:
    return hashlib.sha256(msgspec.msgpack.encode((plan, model, number, flat))).hexdigest()


def _write_table(path: Path, table: Any) -> None:
    content = io.BytesIO()
    pq.write_table(table, content)
    write_bytes(path, content.getvalue())


def is_empty(folder: Path) -> bool:
    """Whether nothing lies at a path, or an empty folder."""
    return not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir()))
