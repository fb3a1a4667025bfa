"""Read data.yaml as Ultralytics 8.4.190 does, without importing it and without ever executing `download:`.

It decides which file is meant, what the classes are, and which folder or list file each split is; it does not look into
those. Where we are more tolerant than Ultralytics, `DataYaml.warnings` says so: a missing val, and a relative `path`
that only exists beside the yaml.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from yolobg.dataset.doubled_names import doubled_names
from yolobg.dataset.lost_letters import readings_of, where_not_utf8
from yolobg.dataset.path_hints import path_hints
from yolobg.dataset.ultralytics_settings import datasets_dirs
from yolobg.errors import DatasetError
from yolobg.files import read_ordinary
from yolobg.model import (
    DataYaml,
    Derivation,
)
from yolobg.wording import counted
from yolobg.yaml_text import LARGEST_BYTES, dump_yaml, load_yaml

__all__ = [
    "DERIVED_KEY",
    "check_is_in",
    "derivation_of",
    "dump_yaml",
    "find_data_yaml",
    "is_dataset_yaml",
    "load_yaml",
    "parse_data_yaml",
    "read_data_yaml",
]

DERIVED_KEY = "yolobg"
"""The key of a data.yaml that `augment --to` wrote, under which it says where it comes from."""

SPLITS = ("train", "val", "test", "minival")
_TYPES: dict[str, tuple[Any, ...]] = {
    "path": (str,),
    "train": (str, list),
    "val": (str, list),
    "test": (str, list),
    "minival": (str, list),
    "names": (list, dict),
    "kpt_shape": (list,),
    "flip_idx": (list,),
}
_SHOWN = 80
_MOST_NAMED = 5
_MOST_CLASSES = 1_000_000


def find_data_yaml(path: Path) -> Path:
    """The yaml file that a path means: itself, or the one in the folder.

    In a folder it is the single `*.yaml`, else the single `*.yml`, at the top or, if none is there, anywhere below; of
    several, the one that is called like the folder, else the only one with a dataset's keys.

    Raises:
        DatasetError: Nothing is there, it is no yaml file, or several files could be meant.
    """
    try:
        if path.is_dir():
            return _yaml_in_folder(path)
        exists = path.is_file()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{_show(path)}: cannot be accessed: {error}") from error
    if not exists:
        raise DatasetError(f"{_show(path)}: no such file or folder; give the path of a data.yaml or of its folder")
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise DatasetError(f"{path}: not a YAML file; expected a name that ends in .yaml or .yml, or a folder with one")
    return path


def check_is_in(folder: Path, file: Path) -> None:
    """Refuse a yaml that was found below the folder that was named, not in it: nobody has said that it is meant.

    Raises:
        DatasetError: It lies further down.
    """
    if folder.is_dir() and file.parent != folder:
        raise DatasetError(f"{folder}: no .yaml or .yml file in this folder; if you mean {file}, give that path")


def _yaml_in_folder(folder: Path) -> Path:
    for pattern in ("*.yaml", "*.yml"):
        files = list(folder.glob(pattern)) or list(folder.rglob(pattern))
        if files:
            break
    else:
        raise DatasetError(f"{folder}: no .yaml or .yml file in this folder; give the path of the dataset's data.yaml")
    if len(files) > 1:
        meant = [file for file in files if file.stem == folder.stem]
        if len(meant) != 1:
            meant = list(filter(is_dataset_yaml, files))
        if len(meant) != 1:
            shown = ", ".join(sorted(str(file.relative_to(folder)) for file in files)[:_MOST_NAMED])
            raise DatasetError(f"{folder}: {len(files)} YAML files here ({shown}); give the path of the one you mean")
        files = meant
    return files[0]


def is_dataset_yaml(file: Path) -> bool:
    """Whether a yaml describes a dataset. One that cannot be read is taken for one, so that the user hears of it."""
    try:
        raw = load_yaml(read_ordinary(file, LARGEST_BYTES), source=str(file), repeated_keys=[])
    except (OSError, DatasetError):
        return True
    # Settings of a training have `names` and `val` too, and other things in them.
    # So has the description of a model (`backbone`); what has only other keys is another program's.
    return (
        isinstance(raw, dict)
        and not {"backbone", "head"} & raw.keys()
        and (isinstance(raw.get("train"), (str, list)) or isinstance(raw.get("names"), (list, dict)))
    )


def read_data_yaml(path: Path, *, cwd: Path | None = None) -> DataYaml:
    """Read a data.yaml, or the one in a folder, and resolve its splits.

    Args:
        path: The file or folder, relative to the process's current folder if not absolute.
        cwd: What a relative `path:` and relative lines of list files refer to first; default the current folder.

    Raises:
        DatasetError: It cannot be read, or Ultralytics would refuse it for something other than a missing val.
    """
    file = find_data_yaml(path)
    try:
        text = read_ordinary(file, LARGEST_BYTES)
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror or error}") from error
    repeated: list[str] = []
    wrong = where_not_utf8(text)
    try:
        raw = load_yaml(text, source=str(file), repeated_keys=repeated)
        warnings = [f"{file}: key '{key}' occurs more than once; the last one counts" for key in repeated]
        data = parse_data_yaml(raw, file=file, cwd=cwd, warnings=warnings)
    except DatasetError as error:
        raise (DatasetError(f"{error}. {wrong}; save the file as UTF-8") if wrong else error) from error
    if not wrong:
        return _as_in_original(data) if data.derived else data
    warnings = [f"{file}: {wrong}; save the file as UTF-8", *data.warnings]
    return replace(data, warnings=tuple(warnings), readings=readings_of(text, data.names))


def _as_in_original(data: DataYaml) -> DataYaml:
    """The same, with what is known of names that lost letters in the file that it was derived from."""
    original = data.derived.original if data.derived else data.file
    try:
        text = read_ordinary(original, LARGEST_BYTES)
        wrong = where_not_utf8(text)
        raw = load_yaml(text, source=str(original), repeated_keys=[]) if wrong else None
        lost = _parse_names(raw, original) if isinstance(raw, dict) else {}
    except (OSError, ValueError, DatasetError):
        return data
    # A name that was written anew since has its letters.
    readings = {n: r for n, r in readings_of(text, lost).items() if data.names.get(n) == lost[n]} if lost else {}
    if not readings:
        return data
    warnings = (f"{original}: {wrong}; write those names anew in {data.file}", *data.warnings)
    return replace(data, warnings=warnings, readings=readings)


def parse_data_yaml(raw: object, *, file: Path, cwd: Path | None = None, warnings: Sequence[str] = ()) -> DataYaml:
    """Turn the content of a data.yaml into classes and resolved splits; asks the disk only what exists.

    Args:
        raw: What `load_yaml` gave.
        file: The yaml file: its folder is the root when there is no `path`, and messages name it.
        cwd: See `read_data_yaml`.
        warnings: What is already known to be odd.

    Raises:
        DatasetError: A key is missing, has the wrong type or a value that Ultralytics refuses; the message names it.
    """
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise DatasetError(f"{file}: expected keys such as train, val and names, found a {type(raw).__name__}")
    # People write None where YAML wants null; Ultralytics reads it so for top-level keys.
    data: dict[object, object] = {key: None if value == "None" else value for key, value in raw.items()}
    said = list(warnings)
    _check_types(data, file)
    _settle_keys(data, file, said)
    here = Path.cwd() if cwd is None else cwd
    derived = derivation_of(data)
    with _naming("path", file):
        root = _find_root(data.get("path"), file=file, cwd=here, said=said)
        # What --to made lies beside its data.yaml, whatever `path` somebody has written into it since.
        resolved = (here / file.parent if derived else root).resolve()
    splits: dict[str, tuple[str, ...]] = {}
    for name in SPLITS:
        with _naming(name, file):
            if entries := _resolve_split(root, data.get(name), name, file):
                splits[name] = entries
    with contextlib.suppress(OSError, ValueError):
        said += path_hints(data, root, file=file, cwd=here)
    _look_at_val(splits.get("val", ()), file, said)
    names = _parse_names(data, file)
    said += doubled_names(names, file)
    if names[0].startswith("n0"):
        said.append(
            f"{file}: names look like ImageNet codes; Ultralytics shows its own names for them, yolobg keeps these"
        )
    return DataYaml(
        file=file,
        root=resolved,
        names=names,
        splits=splits,
        warnings=tuple(said),
        kpt_shape=_parse_kpt_shape(data, file),
        channels=data.get("channels", 3),
        derived=derived,
    )


_KINDS_OF_PATH = (PurePosixPath, PureWindowsPath)


def derivation_of(raw: Mapping[Any, Any]) -> Derivation | None:
    """Where a data.yaml says that it comes from, if `augment --to` wrote it.

    Args:
        raw: Its content.
    """
    said = raw.get(DERIVED_KEY)
    if not isinstance(said, Mapping):
        return None
    original = said.get("original")
    # A person's own key may have the same name.
    if not isinstance(original, str) or not any(kind(original).is_absolute() for kind in _KINDS_OF_PATH):
        return None
    made = said.get("made")
    return Derivation(
        original=Path(original),
        made=tuple(Path(folder) for folder in made if isinstance(folder, str)) if isinstance(made, list) else (),
    )


def _check_types(data: Mapping[object, object], file: Path) -> None:
    for key, types in _TYPES.items():
        value = data.get(key)
        if value is not None and not isinstance(value, types):
            wanted = " or ".join({str: "a text", list: "a list", dict: "a mapping"}[type_] for type_ in types)
            raise DatasetError(f"{file}: key '{key}' must be {wanted}, not {type(value).__name__} {_show(value)}")


def _settle_keys(data: dict[object, object], file: Path, said: list[str]) -> None:
    """Rename `validation` and report what is missing."""
    if "train" not in data:
        raise DatasetError(f"{file}: key 'train' is missing; expected the folder or list file of the training images")
    if "val" in data:
        return
    if "validation" in data:
        data["val"] = data.pop("validation")
        _check_types({"val": data["val"]}, file)
    elif "valid" in data:
        raise DatasetError(
            f"{file}: key 'val' is missing and 'valid' is not known to Ultralytics; rename 'valid' to 'val'"
        )
    else:
        said.append(f"{file}: key 'val' is missing; Ultralytics will not train with this file")


# ---------------------------------------------------------------- paths


@contextlib.contextmanager
def _naming(key: str, file: Path) -> Iterator[None]:
    """Turn what the system says of an impossible path (too long, a NUL byte, links in a circle) into our error."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise DatasetError(f"{file}: key '{key}' holds a path that cannot be used: {_show(str(error))}") from error


def _find_root(value: object, *, file: Path, cwd: Path, said: list[str]) -> Path:
    """The dataset's root: the yaml's folder, or what `path` means."""
    folder = cwd / file.parent
    if not value or not isinstance(value, str):
        return folder
    path = Path(value)
    if (cwd / path).exists():
        return cwd / path
    if path.is_absolute():
        said.append(f"{file}: path '{value}' does not exist; write where the dataset is on this machine")
        return path
    candidates = [place / path for place in datasets_dirs(cwd)]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    if (folder / path).exists():
        said.append(
            f"{file}: path '{value}' was found beside the yaml, where Ultralytics does not look: it looks in the "
            f"current folder ({cwd}) and its datasets_dir; write an absolute path, or leave the key out to mean the "
            f"yaml's folder"
        )
        return folder / path
    said.append(
        f"{file}: path '{value}' does not exist below the current folder ({cwd}), datasets_dir or the yaml's folder"
    )
    return candidates[0] if candidates else cwd / path


def _resolve_split(root: Path, value: object, name: str, file: Path) -> tuple[str, ...]:
    """The resolved entries of a split; links of the folder itself are followed, as in Ultralytics."""
    if not value:
        return ()
    if isinstance(value, str):
        path = (root / value).resolve()
        # Roboflow writes ../train/images for a folder that lies beside the yaml.
        if value.startswith("../") and not path.exists():
            path = (root / value[3:]).resolve()
        return (str(path),)
    entries: list[str] = []
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, str):
            raise DatasetError(f"{file}: key '{name}' must list paths, found {type(entry).__name__} {_show(entry)}")
        entries.append(str((root / entry).resolve()))
    return tuple(entries)


def _look_at_val(entries: Sequence[str], file: Path, said: list[str]) -> None:
    absent = next((entry for entry in entries if not os.path.exists(entry)), None)  # noqa: PTH110 - entries are str
    if absent is not None:
        said.append(f"{file}: val '{absent}' does not exist; Ultralytics will not train with this file")


# ---------------------------------------------------------------- classes


def _parse_names(data: Mapping[object, object], file: Path) -> dict[int, str]:
    names = data.get("names")
    if names is None and "nc" not in data:
        raise DatasetError(f"{file}: key 'names' is missing; expected the class names as a list or as 'id: name' lines")
    count = _parse_nc(data["nc"], file) if "nc" in data else None
    if names is None:
        return _checked({i: f"class_{i}" for i in range(count or 0)}, file)
    if not isinstance(names, (list, dict)):
        raise DatasetError(f"{file}: key 'names' must be a list or a mapping, not {type(names).__name__}")
    if count is not None and len(names) != count:
        raise DatasetError(
            f"{file}: key 'names' has {counted(len(names), 'entry')} but 'nc' is {count}; make them equal"
        )
    pairs = enumerate(names) if isinstance(names, list) else names.items()
    try:
        return _checked({int(key): str(value) for key, value in pairs}, file)
    except (TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{file}: key 'names' must have whole numbers as class ids: {error}") from error


def _parse_nc(value: object, file: Path) -> int:
    """The class count; a whole number written as text or as 2.0 will do."""
    try:
        number = float(value) if isinstance(value, (str, int, float)) else float("nan")
        if number == int(number) and number <= _MOST_CLASSES:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise DatasetError(f"{file}: key 'nc' must be a whole number up to {_MOST_CLASSES:,}, not {_show(value)}")


def _checked(names: Mapping[int, str], file: Path) -> dict[int, str]:
    if not names:
        raise DatasetError(f"{file}: key 'names' is empty; at least one class is needed")
    if max(names) >= len(names) or 0 not in names:
        raise DatasetError(
            f"{file}: key 'names' has {counted(len(names), 'class')}, so their ids must be 0 to {len(names) - 1}, "
            f"found {min(names)} to {max(names)}"
        )
    return dict(sorted(names.items()))


def _parse_kpt_shape(data: Mapping[object, object], file: Path) -> tuple[int, int] | None:
    if "kpt_shape" not in data:
        return None
    match data["kpt_shape"]:
        case [int(points), int(dimensions)]:
            return points, dimensions
        case value:
            raise DatasetError(
                f"{file}: key 'kpt_shape' must be two whole numbers, the key points and their dimensions, "
                f"not {_show(value)}"
            )


def _show(value: object) -> str:
    text = ascii(str(value))[1:-1] if isinstance(value, (str, Path)) else ascii(value)
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"
