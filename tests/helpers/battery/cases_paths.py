"""Layouts about what data.yaml's paths mean: the root, folders given as the dataset, `../`, links, datasets_dir."""

from __future__ import annotations

from battery.layout import BOX, NAMES, Content, Layout

LINKS = frozenset({"links"})
YAML = NAMES + "train: images/train\nval: images/val\n"
PATH_HELD = "Ultralytics never looks beside the yaml for a relative path; we do, with a warning"


def at(folder: str) -> tuple[str, ...]:
    """The images of a small dataset in a folder."""
    return (f"{folder}/images/train/a.jpg", f"{folder}/images/train/b.jpg", f"{folder}/images/val/v.jpg")


def dataset(folder: str, box: str = BOX) -> dict[str, Content]:
    """Its labels."""
    return {f"{folder}/labels/train/a.txt": box, f"{folder}/labels/val/v.txt": box}


def rooted(
    about: str, path: str, *, folder: str = "ds", data: str = "conf/data.yaml", cwd: str = ".", key: str = ""
) -> Layout:
    """A dataset in `folder`, and a yaml elsewhere with a `path`."""
    files = {"conf/data.yaml": f"path: {path}\n{YAML}", **dataset(folder)}
    return Layout(about, files, at(folder), data=data, cwd=cwd, key=key)


def roboflow(about: str, yaml: str, **more: str) -> Layout:
    """Roboflow's tree: data.yaml beside train/images and valid/images."""
    files: dict[str, Content] = {"ds/data.yaml": NAMES + yaml, "ds/train/labels/a_jpg.rf.0a1b.txt": BOX}
    files |= {f"{name}/labels/up.txt": BOX for name in more.values()}
    images = ("ds/train/images/a_jpg.rf.0a1b.jpg", "ds/train/images/b.jpg", "ds/valid/images/v.jpg")
    return Layout(about, files, images + tuple(f"{name}/images/up.jpg" for name in more.values()), data="ds/data.yaml")


ROOTS: dict[str, Layout] = {
    "path_absent": Layout("the yaml's folder", {"ds/data.yaml": YAML, **dataset("ds")}, at("ds"), data="ds/data.yaml"),
    "path_absent_from_inside": Layout(
        "the same, from inside", {"ds/data.yaml": YAML, **dataset("ds")}, at("ds"), cwd="ds"
    ),
    "path_empty": rooted("an empty path is none", "''", folder="conf"),
    "path_null": rooted("a null path is none", "null", folder="conf"),
    "path_absolute": rooted("an absolute path", "'{root}/ds'"),
    "path_absolute_dots": rooted("an absolute path with ..", "'{root}/conf/../ds/'"),
    "path_relative_cwd": rooted("a relative path means the current folder", "ds"),
    "path_relative_cwd_up": rooted("and not the yaml's", "../ds", data="data.yaml", cwd="conf"),
    "path_dot": rooted("a dot is the current folder", ".", data="../conf/data.yaml", cwd="ds"),
    "path_blank_name": rooted("blanks and letters", "'my däta set'", folder="my däta set"),
    "path_tilde": Layout("a tilde is a name", {"data.yaml": f"path: '~'\n{YAML}", **dataset("~")}, at("~")),
    "path_datasets_dir": Layout(
        "datasets_dir of the settings",
        {"data.yaml": f"path: in_datasets_dir\n{YAML}", **dataset("{datasets}/in_datasets_dir")},
        at("{datasets}/in_datasets_dir"),
    ),
    "path_cwd_before_datasets_dir": Layout(
        "the current folder comes first",
        {"data.yaml": f"path: in_both\n{YAML}", **dataset("{datasets}/in_both"), **dataset("in_both", "")},
        at("{datasets}/in_both") + at("in_both"),
    ),
    "path_file_in_cwd": Layout(
        "a file of that name in the current folder counts as existing",
        {"data.yaml": f"path: taken\n{YAML}", "taken": "", **dataset("{datasets}/taken")},
        at("{datasets}/taken"),
        key="train",
    ),
    "path_yaml_folder": Layout(
        "a relative path that only exists beside the yaml",
        {"conf/data.yaml": f"path: ds\n{YAML}", **dataset("conf/ds")},
        at("conf/ds"),
        data="conf/data.yaml",
        key="path",
        differs=PATH_HELD,
        oracle={"conf/data.yaml": f"path: '{{root}}/conf/ds'\n{YAML}"},
    ),
    "path_nowhere": rooted("a relative path that exists nowhere", "nowhere_at_all", key="path"),
    "path_absolute_nowhere": rooted("an absolute path that does not exist", "'{root}/nowhere'", key="path"),
    "path_is_a_link": Layout(
        "path through a link",
        {"data.yaml": f"path: '{{root}}/link'\n{YAML}", **dataset("real")},
        at("real"),
        links={"link": "real"},
        needs=LINKS,
    ),
    "split_absolute": Layout(
        "absolute splits",
        {"data.yaml": NAMES + "path: ds\ntrain: '{root}/ds/images/train'\nval: images/val\n", **dataset("ds")},
        at("ds"),
    ),
    "split_dot": Layout(
        "the root itself is the split",
        {"ds/data.yaml": NAMES + "train: .\nval: .\n", "ds/a.txt": BOX},
        ("ds/a.jpg", "ds/b.jpg"),
        data="ds/data.yaml",
    ),
    "split_trailing_slash": Layout(
        "slashes and dots in a split",
        {"data.yaml": NAMES + "train: ./ds//images/./train/\nval: ds/images/val/../val\n", **dataset("ds")},
        at("ds"),
    ),
}

DOTDOT: dict[str, Layout] = {
    "dotdot_beside_yaml": roboflow(
        "../train/images that lies beside", "train: ../train/images\nval: ../valid/images\n"
    ),
    "dotdot_really_up": roboflow(
        "../train/images that exists one up", "train: ../train/images\nval: ../valid/images\n", up="train"
    ),
    "dotdot_twice": roboflow("only one ../ is taken off", "train: ../../train/images\nval: valid/images\n"),
    "dotdot_twice_up": roboflow(
        "../../ from below", "train: ../../{name}/train/images\nval: valid/images\n".replace("{name}", "ds")
    ),
    "dotdot_in_list": roboflow("not in a list", "train: [../train/images]\nval: valid/images\n"),
    "dotdot_list_file": Layout(
        "a list file one up that lies beside",
        {"ds/data.yaml": NAMES + "train: ../train.txt\nval: images/val\n", "ds/train.txt": "./images/train/a.jpg\n"}
        | dataset("ds"),
        at("ds"),
        data="ds/data.yaml",
    ),
    "dotdot_with_path": Layout(
        "with a path, too",
        {"data.yaml": NAMES + "path: '{root}/ds'\ntrain: ../images/train\nval: images/val\n", **dataset("ds")},
        at("ds"),
    ),
}

FOLDERS: dict[str, Layout] = {
    "folder_one_yaml": Layout("a folder", {"ds/data.yaml": YAML, **dataset("ds")}, at("ds"), data="ds"),
    "folder_dot": Layout("the current folder", {"ds/any.yaml": YAML, **dataset("ds")}, at("ds"), data=".", cwd="ds"),
    "folder_yml": Layout("a folder with a .yml", {"ds/data.yml": YAML, **dataset("ds")}, at("ds"), data="ds"),
    "folder_yaml_before_yml": Layout(
        ".yaml comes before .yml", {"ds/z.yaml": YAML, "ds/a.yml": "- 1\n", **dataset("ds")}, at("ds"), data="ds"
    ),
    "folder_stem_decides": Layout(
        "of several, the one called like the folder",
        {"ds/ds.yaml": YAML, "ds/a.yaml": "- 1\n", "ds/z.yaml": "- 1\n", **dataset("ds")},
        at("ds"),
        data="ds",
    ),
    "folder_several": Layout(
        "several", {"ds/a.yaml": YAML, "ds/b.yaml": YAML, **dataset("ds")}, at("ds"), data="ds", key="YAML files"
    ),
    "folder_nested_yaml": Layout(
        "the yaml lies deeper", {"ds/in/here/data.yaml": YAML, **dataset("ds/in/here")}, at("ds/in/here"), data="ds"
    ),
    "folder_nested_yaml_before_yml": Layout(
        "a deeper .yaml comes before a .yml at the top",
        {"ds/in/data.yaml": YAML, "ds/data.yml": "- 1\n", **dataset("ds/in")},
        at("ds/in"),
        data="ds",
    ),
    "folder_hidden_yaml": Layout("a hidden yaml counts", {"ds/.data.yaml": YAML, **dataset("ds")}, at("ds"), data="ds"),
    "folder_without_yaml": Layout("none", {**dataset("ds")}, at("ds"), data="ds", key=".yaml"),
    "folder_not_there": Layout("no such folder", {"data.yaml": YAML}, at("ds"), data="ds/none/", key="no such file"),
    "folder_link": Layout(
        "a link to the folder: the link's name decides",
        {"real/link.yaml": YAML, "real/real.yaml": "- 1\n", **dataset("real")},
        at("real"),
        links={"link": "real"},
        data="link",
        needs=LINKS,
    ),
    "yaml_link": Layout(
        "a link to the yaml lies in the link's folder",
        {"elsewhere/data.yaml": YAML, **dataset("ds")},
        at("ds"),
        links={"ds/data.yaml": "../elsewhere/data.yaml"},
        data="ds/data.yaml",
        needs=LINKS,
    ),
}

PATHS: dict[str, Layout] = {**ROOTS, **DOTDOT, **FOLDERS}
