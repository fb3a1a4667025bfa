"""Layouts about what a folder holds: nested and linked folders, names of images, and where their labels are."""

from __future__ import annotations

from battery.layout import BOX, NAMES, Content, Layout

LINKS, CASE, ODD, BYTES = (frozenset({need}) for need in ("links", "case", "odd", "bytes"))
SUFFIXES = ("avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp")
OTHERS = ("gif", "jfif", "jpe", "pfm", "ppm", "txt", "npy", "cache", "JSON", "jpg~", "jpg.part")


def split(
    about: str,
    images: tuple[str, ...],
    files: dict[str, Content] | None = None,
    *,
    train: str = "images/train",
    links: dict[str, str] | None = None,
    needs: frozenset[str] = frozenset(),
    cwd: str = ".",
    key: str = "",
    folders: tuple[str, ...] = (),
) -> Layout:
    """A dataset whose val is nothing special."""
    data = "data.yaml" if cwd == "." else "../" * len(cwd.split("/")) + "data.yaml"
    yaml: dict[str, Content] = {"data.yaml": f"{NAMES}train: {train}\nval: plain/images\n", "plain/labels/v.txt": BOX}
    return Layout(
        about,
        {**yaml, **(files or {})},
        (*images, "plain/images/v.jpg"),
        links=links or {},
        data=data,
        cwd=cwd,
        key=key,
        folders=folders,
        needs=needs,
    )


A, B = "images/train/a.jpg", "images/train/b.jpg"
AB = (A, B)
LABEL: dict[str, Content] = {"labels/train/a.txt": BOX}


TREES: dict[str, Layout] = {
    "nested": split(
        "nested folders",
        ("images/train/x/y/c.jpg", "images/train/x.d/d.jpg", "images/train/x-1.jpg", A),
        {**LABEL, "labels/train/x/y/c.txt": BOX, "labels/train/x.d/d.txt": ""},
    ),
    "dot_files": split(
        "dot-files and dot-folders are not listed",
        (A, "images/train/.b.jpg", "images/train/.git/c.jpg", "images/train/x/.y/d.jpg", "images/train/..e.jpg"),
        LABEL,
    ),
    "dot_folder_above": split(
        "a dot in the split's own path does no harm", (".hidden/images/a.jpg",), train=".hidden/images"
    ),
    "folder_called_image": split("a folder called x.jpg is listed", (A, "images/train/x.jpg/in.png"), LABEL),
    "yolobg_folder": split("our own folder is not listed", (A, "images/train/.yolobg/staging/b.jpg"), LABEL),
    "link_split": split(
        "a linked split folder is followed: labels beside the real one",
        ("real/images/a.jpg",),
        {"real/labels/a.txt": BOX, **LABEL},
        links={"images/train": "../real/images"},
        needs=LINKS,
    ),
    "link_split_in_list": split(
        "also as one of a list",
        ("real/images/a.jpg",),
        {"real/labels/a.txt": BOX, **LABEL},
        train="[images/train]",
        links={"images/train": "../real/images"},
        needs=LINKS,
    ),
    "link_split_without_images_in_name": split(
        "the real folder is not below images/",
        ("store/a.jpg",),
        {**LABEL, "store/a.txt": ""},
        links={"images/train": "../store"},
        needs=LINKS,
    ),
    "link_folder": split(
        "a link to a folder is walked as written",
        (A, "store/c.jpg"),
        {**LABEL, "labels/train/link/c.txt": BOX, "store/c.txt": ""},
        links={"images/train/link": "../../store"},
        needs=LINKS,
    ),
    "link_folder_twice": split(
        "two links to one folder are walked twice",
        ("store/c.jpg",),
        links={"images/train/one": "../../store", "images/train/two": "../../store"},
        needs=LINKS,
    ),
    "link_images": split(
        "linked images and labels",
        ("store/c.jpg",),
        {"store/c.txt": BOX},
        links={A: "../../store/c.jpg", "labels/train/a.txt": "../../store/c.txt"},
        needs=LINKS,
    ),
    "link_labels_folder": split(
        "a linked labels folder", AB, {"store/a.txt": BOX}, links={"labels/train": "../store"}, needs=LINKS
    ),
    "link_broken_image": split("a link to nothing", (A,), LABEL, links={B: "nothing.jpg"}, needs=LINKS),
    "link_broken_label": split(
        "a label that is a link to nothing", AB, LABEL, links={"labels/train/b.txt": "no.txt"}, needs=LINKS
    ),
    "link_loop": Layout(
        "a link to the folder above",
        {"data.yaml": NAMES + "train: images/train\nval: plain/images\n", "plain/labels/v.txt": BOX, **LABEL},
        (*AB, "images/train/x/c.jpg", "plain/images/v.jpg"),
        links={"images/train/x/loop": ".."},
        differs="Ultralytics lists the same images 41 times, until the system refuses; we do not follow the link",
        oracle_without=("images/train/x/loop",),
        needs=LINKS,
    ),
}

NAMES_OF_IMAGES: dict[str, Layout] = {
    "suffixes": split(
        "every suffix", tuple(f"images/train/i{s}.{s}" for s in SUFFIXES), {"labels/train/ijp2.txt": BOX}
    ),
    "suffixes_upper_case": split(
        "in upper case",
        (*(f"images/train/i{s}.{s.upper()}" for s in SUFFIXES), "images/train/m.JpG"),
        {"labels/train/ipng.txt": BOX},
    ),
    "suffixes_others": split(
        "what is no image", (A,), {**LABEL, **{f"images/train/o.{s}": "x" for s in OTHERS}, "images/train/jpg": "x"}
    ),
    "file_names_dotted": split(
        "dots in names",
        ("images/train/a.b.c.jpg", "images/train/d..jpg", "images/train/e.jpg.png"),
        {"labels/train/a.b.c.txt": BOX, "labels/train/d..txt": BOX, "labels/train/e.jpg.txt": ""},
    ),
    "file_names_blank": split("blanks", ("images/train/a b.jpg", "images/train/ c.jpg"), {"labels/train/a b.txt": BOX}),
    "file_names_unicode": split(
        "names that are not ASCII",
        ("images/train/日本/k\u00e4se.jpg", "images/train/😀.png"),
        {"labels/train/日本/k\u00e4se.txt": BOX},
    ),
    "file_names_decomposed": split(
        "composed and decomposed letters are two names",
        ("images/train/\u00e4.jpg", "images/train/a\u0308.jpg"),
        {"labels/train/\u00e4.txt": BOX},
        needs=CASE,
    ),
    "file_names_glob_characters": split(
        "characters that mean something to glob",
        ("im[1]/images/t[ab]/a.jpg", "im[1]/images/t[ab]/x[1]/[b].jpg"),
        {"im[1]/labels/t[ab]/x[1]/[b].txt": BOX},
        train="'im[1]/images/t[ab]'",
    ),
    "file_names_odd_characters": split(
        "characters that Windows refuses",
        ("images/train/*?.jpg", "images/train/a\\b.jpg", 'images/train/<">|:.jpg'),
        {"labels/train/*?.txt": BOX, "labels/train/a\\b.txt": BOX},
        needs=ODD,
    ),
    "file_names_percent_and_hash": split(
        "characters that mean something elsewhere",
        ("images/train/#1%20&'.jpg", "images/train/-a.jpg", "images/train/~b.jpg"),
        {"labels/train/#1%20&'.txt": BOX},
    ),
    "file_names_long": split(
        "names as long as can be",
        ("images/train/" + "n" * 250 + ".jpg",),
        {"labels/train/" + "n" * 250 + ".txt": BOX},
        needs=ODD,
    ),
    "file_names_not_utf8": split(
        "names that are not UTF-8",
        ("images/train/\udcff.jpg", A),
        {**LABEL, "labels/train/\udcff.txt": BOX},
        needs=BYTES,
    ),
    "file_names_by_case": split(
        "names that differ by case",
        ("images/train/a.jpg", "images/train/A.jpg"),
        {"labels/train/A.txt": BOX},
        needs=CASE,
    ),
    "file_names_sorted": split(
        "sorted as text, not as folders",
        (
            "images/train/a/1.jpg",
            "images/train/a.jpg",
            "images/train/a-1.jpg",
            "images/train/B.jpg",
            "images/train/10.jpg",
            "images/train/9.jpg",
        ),
    ),
}

LABEL_PATHS: dict[str, Layout] = {
    "last_images_only": split(
        "only the last /images/",
        ("images/x/images/a.jpg",),
        {"images/x/labels/a.txt": BOX, "labels/x/images/a.txt": ""},
        train="images",
    ),
    "images_twice_in_a_row": split(
        "/images/images/", ("images/images/a.jpg",), {"images/labels/a.txt": BOX}, train="images/images"
    ),
    "images_in_name": split(
        "images in a file's name",
        ("images/images.jpg", "images/train.images/b.jpg"),
        {"labels/images.txt": BOX},
        train="images",
    ),
    "images_upper_case": split(
        "Images/ is not images/",
        ("Images/a.jpg", "Images/b.jpg"),
        {"Labels/a.txt": BOX, "Images/b.txt": BOX},
        train="Images",
        needs=CASE,
    ),
    "images_640": split(
        "images_640/ is not images/",
        ("images_640/a.jpg",),
        {"images_640/a.txt": BOX, "labels_640/a.txt": ""},
        train="images_640",
    ),
    "no_images_folder": split(
        "no images/ at all: the label lies beside", ("pics/a.jpg", "pics/b.jpg"), {"pics/a.txt": BOX}, train="pics"
    ),
    "images_above_the_root": Layout(
        "an images/ above the root is replaced",
        {
            "images/ds/data.yaml": NAMES + "train: pics\nval: pics\n",
            "labels/ds/pics/a.txt": BOX,
            "images/ds/pics/b.txt": BOX,
        },
        ("images/ds/pics/a.jpg", "images/ds/pics/b.jpg"),
        data="images/ds/data.yaml",
    ),
    "shared_label": split("a.jpg and a.png share a label", (A, "images/train/a.png", "images/train/a.JPEG", B), LABEL),
    "label_upper_case_suffix": split("a.TXT is no label", AB, {"labels/train/a.TXT": BOX}, needs=CASE),
    "label_other_case": split(
        "A.txt is not a.txt", AB, {"labels/train/A.txt": BOX, "labels/train/B.txt": ""}, needs=CASE
    ),
    "labels_folder_other_case": split("Labels/ is not labels/", AB, {"Labels/train/a.txt": BOX}, needs=CASE),
    "label_is_a_folder": split("a label that is a folder", AB, LABEL, folders=("labels/train/b.txt",)),
    "labels_is_a_file": split("labels/train is a file", AB, {"labels/train": "x"}),
    "labels_missing": split("no labels folder", AB),
    "labels_cache_and_orphans": split(
        "what else lies among the labels",
        AB,
        {**LABEL, "labels/train.cache": "x", "labels/train/classes.txt": "cat\n", "labels/train/z.txt": "junk"},
    ),
    "images_beside_labels_npy": split("images cached on disk", AB, {**LABEL, "images/train/a.npy": "x"}),
    "roboflow_names": split(
        "Roboflow's names",
        ("train/images/000000000139_jpg.rf.0123456789abcdef.jpg",),
        {"train/labels/000000000139_jpg.rf.0123456789abcdef.txt": BOX},
        train="../train/images",
    ),
}

SPLITS: dict[str, Layout] = {**TREES, **NAMES_OF_IMAGES, **LABEL_PATHS}
