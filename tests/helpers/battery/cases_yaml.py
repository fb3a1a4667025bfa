"""Layouts about what data.yaml says: classes, keys, the forms of the file itself, and what is refused."""

from __future__ import annotations

from battery.layout import BOX, NAMES, Content, Layout

IMAGES = ("images/train/a.jpg", "images/train/b.jpg", "images/val/v.png")
LABELS: dict[str, Content] = {"labels/train/a.txt": BOX, "labels/val/v.txt": "1 0.25 0.25 0.5 0.5\n"}
TRAIN, VAL = "train: images/train\n", "val: images/val\n"
PATHS = TRAIN + VAL
VAL_MISSING = "a missing val does not stop us"


def plain(
    about: str, yaml: Content, *, data: str = "data.yaml", file: str = "data.yaml", key: str = "", cwd: str = "."
) -> Layout:
    """Two training images (one a background), one val image, and a yaml."""
    return Layout(about, {file: yaml, **LABELS}, IMAGES, data=data, key=key, cwd=cwd)


def val_missing(about: str, yaml: str, oracle: str, *, differs: str = VAL_MISSING) -> Layout:
    """Ultralytics stops for want of val; asked again with a yaml where val is there, it gives our answer for train."""
    return Layout(
        about,
        {"data.yaml": yaml, **LABELS},
        IMAGES,
        key="val",
        differs=differs,
        oracle={"data.yaml": oracle},
        splits=("train",),
    )


NAMED: dict[str, Layout] = {
    "names_list": plain("the plainest dataset", NAMES + PATHS),
    "names_block_list": plain("names as a list in lines", "names:\n- cat\n- dog\n" + PATHS),
    "names_dict": plain("names by id", "names:\n  0: cat\n  1: dog\n" + PATHS),
    "names_dict_out_of_order": plain("ids in any order", "names: {1: dog, 0: cat}\n" + PATHS),
    "names_dict_text_ids": plain("ids as text", "names: {'1': dog, '0': cat}\n" + PATHS),
    "names_dict_true_id": plain("YAML's yes is the id 1", "names: {0: cat, yes: dog}\n" + PATHS),
    "names_dict_float_id": plain("ids as numbers with a point", "names: {0.0: cat, 1.7: dog}\n" + PATHS),
    "names_yaml_words": plain("YAML words become Python's words", "names: [yes, null, 3, 1.50, 2024-01-31]\n" + PATHS),
    "names_nested": plain("a name that is a list", "names: [cat, [dog, wolf]]\n" + PATHS),
    "names_unicode": plain("names that are not ASCII", "names: [Katze ä, 犬, '🐈']\n" + PATHS),
    "names_duplicate": plain("the same name twice", "names: [cat, cat]\n" + PATHS),
    "names_minus_one": plain("an id of -1 passes", "names: {-1: none, 0: cat}\n" + PATHS),
    "names_imagenet_codes": Layout(
        "ImageNet codes",
        {"data.yaml": "names: [n01440764, n01443537]\n" + PATHS, **LABELS},
        IMAGES,
        key="names",
        differs="Ultralytics replaces ImageNet codes by words of its own table; we keep what is written",
        same_names=False,
    ),
    "nc_only": plain("a class count and no names", "nc: 2\n" + PATHS),
    "nc_text": plain("the count as text", "nc: '2'\n" + PATHS),
    "nc_float": plain("the count as 2.0", "nc: 2.0\n" + PATHS),
    "nc_text_float": plain("the count as the text 2.0", "nc: ' 2.0 '\n" + PATHS),
    "nc_true": plain("the count as yes", "nc: yes\n" + PATHS.replace("images/val", "images/train")),
    "nc_and_names": plain("both, equal", "nc: 2\n" + NAMES + PATHS),
    "nc_and_null_names": plain("names left empty", "nc: 2\nnames:\n" + PATHS),
    "nc_text_and_names": plain("count as text, and names", "nc: '2'\n" + NAMES + PATHS),
    "nc_zero": plain("no classes", "nc: 0\n" + PATHS, key="names"),
    "nc_negative": plain("a negative count", "nc: -1\n" + PATHS, key="names"),
    "nc_word": plain("the count is a word", "nc: two\n" + PATHS, key="nc"),
    "nc_half": plain("the count is 1.9", "nc: 1.9\n" + PATHS, key="nc"),
    "nc_nan": plain("the count is not a number", "nc: .nan\n" + PATHS, key="nc"),
    "nc_null_with_names": plain("an empty nc is refused even with names", "nc:\n" + NAMES + PATHS, key="nc"),
    "nc_list": plain("the count is a list", "nc: [2]\n" + PATHS, key="nc"),
    "nc_mismatch": plain("count and names differ", "nc: 3\n" + NAMES + PATHS, key="nc"),
    "names_missing": plain("neither names nor nc", PATHS, key="names"),
    "names_null": plain("empty names without nc", "names:\n" + PATHS, key="names"),
    "names_empty_list": plain("an empty list of names", "names: []\n" + PATHS, key="names"),
    "names_empty_dict": plain("an empty mapping of names", "names: {}\n" + PATHS, key="names"),
    "names_gap": plain("an id is left out", "names: {0: cat, 2: dog}\n" + PATHS, key="names"),
    "names_from_one": plain("ids start at 1", "names: {1: cat, 2: dog}\n" + PATHS, key="names"),
    "names_without_zero": plain("only -1", "names: {-1: cat}\n" + PATHS, key="names"),
    "names_word_ids": plain("ids are words", "names: {cat: 0, dog: 1}\n" + PATHS, key="names"),
    "names_text": plain("names as one text", "names: cat dog\n" + PATHS, key="names"),
}

KEYS: dict[str, Layout] = {
    "key_train_missing": plain("no train", NAMES + VAL, key="train"),
    "key_train_null": plain("an empty train is no split", NAMES + "train:\n" + VAL),
    "key_train_number": plain("train is a number", NAMES + "train: 5\n" + VAL, key="train"),
    "key_train_mapping": plain("train is a mapping", NAMES + "train: {a: b}\n" + VAL, key="train"),
    "key_train_list_of_numbers": plain("train lists a number", NAMES + "train: [5]\n" + VAL, key="train"),
    "key_path_number": plain("path is a number", NAMES + "path: 5\n" + PATHS, key="path"),
    "key_validation": plain("validation is val", NAMES + TRAIN + "validation: images/val\n"),
    "key_validation_and_val": plain("val comes before validation", NAMES + PATHS + "validation: nowhere\n"),
    "key_valid": plain("valid is not val", NAMES + TRAIN + "valid: images/val\n", key="val"),
    "key_val_null": plain("an empty val is allowed", NAMES + TRAIN + "val:\n"),
    "key_val_none_word": plain("the word None is null", NAMES + TRAIN + "val: None\n"),
    "key_test": plain("test and minival", NAMES + PATHS + "test: images/val\nminival: images/train\n"),
    "key_test_not_there": plain(
        "a test folder that does not exist stops nobody", NAMES + PATHS + "test: images/test\n"
    ),
    "key_test_null": plain("an empty test", NAMES + PATHS + "test:\n"),
    "key_kpt_shape_number": plain("kpt_shape is a number", NAMES + PATHS + "kpt_shape: 17\n", key="kpt_shape"),
    "key_flip_idx_text": plain("flip_idx is a text", NAMES + PATHS + "flip_idx: '0 1'\n", key="flip_idx"),
    "key_unknown": plain("keys that nobody knows", NAMES + PATHS + "license: CC\n3: 4\nroboflow: {version: 1}\n"),
    "key_repeated": plain("of two names the last counts", "names: [zebra]\n" + NAMES + PATHS),
    "val_key_missing": val_missing("no val at all", NAMES + TRAIN, NAMES + TRAIN + "val: images/train\n"),
    "val_folder_missing": val_missing(
        "val does not exist", NAMES + TRAIN + "val: images/nowhere\n", NAMES + TRAIN + "val: images/train\n"
    ),
    "val_one_of_list_missing": val_missing(
        "one val folder does not exist",
        NAMES + TRAIN + "val: [images/val, images/nowhere]\n",
        NAMES + TRAIN + "val: images/train\n",
    ),
    "download_not_run": plain(
        "a download that is not needed is not run", NAMES + PATHS + "download: open('{root}/ran', 'w').close()\n"
    ),
    "download_and_val_missing": val_missing(
        "a download is never run, not even where val is missing",
        NAMES + TRAIN + "val: images/nowhere\ndownload: |\n  open('{root}/ran', 'w').close()\n",
        NAMES + TRAIN + "val: images/train\n",
    ),
}

FORMS: dict[str, Layout] = {
    "yaml_bom": plain("a byte-order mark", "\ufeff" + NAMES + PATHS),
    "yaml_crlf": plain("Windows line ends", (NAMES + PATHS).replace("\n", "\r\n")),
    "yaml_cr": plain("old Macintosh line ends", (NAMES + PATHS).replace("\n", "\r")),
    "yaml_latin1": plain("bytes that are not UTF-8 are left out", b"names: [caf\xe9, dog]\n" + PATHS.encode()),
    "yaml_control_characters": plain("unprintable ones are left out", "names: [c\x01at, d\x7fog]\n" + PATHS),
    "yaml_utf16": plain("UTF-16 happens to work", (NAMES + PATHS).encode("utf-16")),
    "yaml_comments_and_document_mark": plain("comments and ---", "# made by hand\n---\n" + NAMES + PATHS + "...\n"),
    "yaml_flow": plain("JSON is YAML", '{"names": ["cat", "dog"], "train": "images/train", "val": "images/val"}'),
    "yaml_anchors": plain("anchors and aliases", "names: &n [cat, dog]\nother: *n\ntrain: &t images/train\nval: *t\n"),
    "yaml_merge_key": plain("a merge key", "base: &b {names: [cat, dog], val: images/val}\n<<: *b\n" + TRAIN),
    "yaml_upper_case_suffix": plain("DATA.YAML", NAMES + PATHS, data="DATA.YAML", file="DATA.YAML"),
    "yaml_yml": plain("data.yml", NAMES + PATHS, data="data.yml", file="data.yml"),
    "yaml_empty": plain("an empty file", "", key="train"),
    "yaml_comments_only": plain("nothing but a comment", "# nothing\n", key="train"),
    "yaml_list": plain("a list", "- a\n- b\n", key="keys"),
    "yaml_text": plain("a text", "hello\n", key="keys"),
    "yaml_syntax_error": plain("an open bracket", "names: [cat, dog\n" + PATHS, key="YAML"),
    "yaml_tabs": plain("indented by a tab", "names:\n\t0: cat\n" + PATHS, key="YAML"),
    "yaml_two_documents": plain("two documents", NAMES + PATHS + "---\nnames: [zebra]\n", key="YAML"),
    "yaml_bad_date": plain("a date that is none", NAMES + PATHS + "when: 2024-13-45\n", key="YAML"),
    "yaml_python_tag": plain("a Python tag", NAMES + PATHS + "x: !!python/object:os.system {}\n", key="YAML"),
    "yaml_wrong_suffix": plain("data.txt", NAMES + PATHS, data="data.txt", file="data.txt", key="YAML"),
    "yaml_not_there": plain("no such file", NAMES + PATHS, data="other.yaml", key="no such file"),
}

YAMLS: dict[str, Layout] = {**NAMED, **KEYS, **FORMS}
