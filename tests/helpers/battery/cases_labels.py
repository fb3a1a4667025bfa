"""Layouts about what label files hold. One layout has many labels of a kind; the name of each says what it is."""

from __future__ import annotations

from collections.abc import Mapping

from battery.layout import BOX, NAMES, Content, Layout

YAML = NAMES + "train: images/train\nval: images/train\n"
FINE = "0 0.5 0.5 0.1 0.1"
TRIANGLE = "0 0.1 0.1 0.5 0.1 0.5 0.5"
KEYPOINTS = "0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.6 0.6 1"


def labels(about: str, contents: Mapping[str, Content | None], yaml: str = YAML) -> Layout:
    """An image for each label; None is no label file."""
    files: dict[str, Content] = {"data.yaml": yaml}
    files |= {f"labels/train/{name}.txt": content for name, content in contents.items() if content is not None}
    return Layout(about, files, tuple(f"images/train/{name}.jpg" for name in contents))


def boxes(**values: str) -> dict[str, Content | None]:
    """Labels of one row each."""
    return {name: row + "\n" for name, row in values.items()}


LABELS: dict[str, Layout] = {
    "label_backgrounds": labels(
        "what makes a background",
        {
            "missing": None,
            "empty": "",
            "newline": "\n",
            "crlf": "\r\n",
            "blanks": "  \t \n \n",
            "bom": "\ufeff",
            "bom_newline": "\ufeff\n",
            "unicode_blanks": "\u3000\u00a0\u2028\x1c\x85",
            "form_feed": "\x0c\x0b",
            "two_boms": "\ufeff\ufeff",
            "nul": "\0",
            "zero_width": "\u200b",
            "comment": "# none\n",
        },
    ),
    "label_fine_text": labels(
        "odd but fine",
        {
            "plain": BOX,
            "no_newline": FINE,
            "crlf": FINE + "\r\n" + FINE,
            "cr": FINE + "\r1 .5 .5 .5 .5",
            "tabs": "0\t0.5\t0.5\t0.1\t0.1\n",
            "many_blanks": "  0   0.5  0.5 0.1    0.1   \n",
            "bom": "\ufeff" + BOX,
            "blank_lines": "\n\n" + BOX + "\n\n" + BOX + "\n",
            "repeated_rows": BOX * 3,
            "form_feed": FINE + "\x0c" + FINE,
            "line_separator": FINE + "\u2028" + FINE,
            "unicode_blanks": FINE.replace(" ", "\u00a0"),
            "file_separator": FINE.replace(" ", "\x1c"),
            "unit_separator": FINE.replace(" ", "\x1f"),
            "many_rows": "".join(f"{i % 2} 0.{i} 0.5 0.1 0.1\n" for i in range(1, 500)),
        },
    ),
    "label_fine_numbers": labels(
        "numbers written oddly",
        boxes(
            exponent="0 5e-1 5E-01 1.0e-1 .1e0",
            plus="+0 +0.5 +0.5 +0.1 +0.1",
            no_zero="0 .5 .5 .1 .1",
            dot="1. 1. 1. 1. 1.",
            class_float="1.0 0.5 0.5 0.1 0.1",
            class_exponent="1e0 0.5 0.5 0.1 0.1",
            leading_zeros="001 00.5 0.5 0.1 0.1",
            minus_zero="-0 -0.0 0.5 0.1 0.1",
            underscore="0 0.5_0 0.5 0.1 0.1",
            arabic_digits="0 \u0660.\u0665 0.5 0.1 0.1",
            full_width="\uff11 0.5 0.5 0.1 0.1",
            zeros="0 0 0 0 0",
            ones="1 1 1 1 1",
            tiny="0 1e-300 0.5 0.1 0.1",
            many_digits="0 0." + "3" * 400 + " 0.5 0.1 0.1",
            hex="0 0x1 0.5 0.1 0.1",
            comma="0 0,5 0.5 0.1 0.1",
        ),
    ),
    "label_tolerance": labels(
        "one hundredth outside is allowed, in 32-bit floats",
        boxes(
            at_101="0 1.01 0.5 0.1 0.1",
            just_above="0 1.0100001 0.5 0.1 0.1",
            rounds_to_101="0 1.01000000001 0.5 0.1 0.1",
            next_float="0 1.0100000501 0.5 0.1 0.1",
            above="0 1.02 0.5 0.1 0.1",
            far="0 320 240 100 50",
            wide="0 0.5 0.5 1.01 0.1",
            too_wide="0 0.5 0.5 1.011 0.1",
            minus_001="0 -0.01 0.5 0.1 0.1",
            just_below="0 -0.0100001 0.5 0.1 0.1",
            rounds_to_minus_001="0 -0.01000000001 0.5 0.1 0.1",
            below="0 -0.02 0.5 0.1 0.1",
            negative_width="0 0.5 0.5 -0.1 0.1",
            tiny_negative_width="0 0.5 0.5 -1e-9 0.1",
            negative_height="0 0.5 0.5 0.1 -0.005",
            both="0 -0.005 1.005 0.1 0.1",
            minus_zero_width="0 0.5 0.5 -0.0 0.1",
            underflow="0 0.5 0.5 -1e-60 0.1",
        ),
    ),
    "label_classes": labels(
        "classes",
        boxes(
            last="1 0.5 0.5 0.1 0.1",
            one_too_many="2 0.5 0.5 0.1 0.1",
            large="80 0.5 0.5 0.1 0.1",
            huge="99999999999 0.5 0.5 0.1 0.1",
            negative="-1 0.5 0.5 0.1 0.1",
            half="0.5 0.5 0.5 0.1 0.1",
            nearly_one="0.99999999999 0.5 0.5 0.1 0.1",
            nearly_zero="-1e-50 0.5 0.5 0.1 0.1",
            slightly_negative="-0.005 0.5 0.5 0.1 0.1",
            infinite="inf 0.5 0.5 0.1 0.1",
            nan="nan 0.5 0.5 0.1 0.1",
            name="cat 0.5 0.5 0.1 0.1",
            true="True 0.5 0.5 0.1 0.1",
            rounds_to_two="1.99999999 0.5 0.5 0.1 0.1",
        ),
    ),
    "label_corrupt_values": labels(
        "values that are none",
        boxes(
            nan="0 nan 0.5 0.1 0.1",
            minus_nan="0 0.5 -NaN 0.1 0.1",
            inf="0 inf 0.5 0.1 0.1",
            infinity="0 0.5 0.5 Infinity 0.1",
            minus_inf="0 -inf 0.5 0.1 0.1",
            too_large="0 1e39 0.5 0.1 0.1",
            way_too_large="0 1e400 0.5 0.1 0.1",
            word="0 0.5 0.5 0.1 wide",
            commas="0,0.5,0.5,0.1,0.1",
            semicolons="0;0.5;0.5;0.1;0.1",
            none="0 None 0.5 0.1 0.1",
            json="{} [] 0.5 0.1 0.1",
            comment_behind="0 0.5 0.5 0.1 0.1 #",
            comment_glued="0 0.5 0.5 0.1 0.1#",
        )
        | {
            "later_row": BOX + BOX + "0 0.5 0.5 0.1 nan\n",
            "comment_row": "# cat\n" + BOX,
            "nul_behind": BOX + "\0",
            "nul_in_number": "0 0.\x005 0.5 0.1 0.1\n",
            "not_utf8": b"0 0.5 0.5 0.1 0.1 \xff\n",
            "utf16": BOX.encode("utf-16"),
            "bom_in_the_middle": BOX + "\ufeff" + BOX,
        },
    ),
    "label_columns": labels(
        "numbers of columns",
        boxes(
            one="0",
            two="0 0.5",
            three="0 0.5 0.5",
            four="0 0.5 0.5 0.1",
            six="0 0.5 0.5 0.1 0.1 0.9",
            seven=TRIANGLE,
            eight="0 0.1 0.1 0.5 0.1 0.5 0.5 0.5",
            nine="0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5",
        )
        | {
            "ragged": BOX + "0 0.5 0.5 0.1\n",
            "ragged_six": BOX + "0 0.5 0.5 0.1 0.1 0.9\n",
            "all_four": "0 0.5 0.5 0.1\n" * 2,
            "polygon_then_box": TRIANGLE + "\n" + BOX,
            "box_then_polygon": BOX + TRIANGLE + "\n",
            "polygon_and_point": TRIANGLE + "\n0 0.5 0.5\n",
            "polygon_and_class": TRIANGLE + "\n0\n",
            "polygon_and_six": TRIANGLE + "\n0 0.5 0.5 0.1 0.1 0.9\n",
        },
    ),
    "label_polygons": labels(
        "polygons: their box must lie inside, not each of their points",
        {
            "two": (TRIANGLE + "\n") * 2 + "1 0.2 0.2 0.3 0.3 0.4 0.4 0.5 0.5\n",
            "oriented_box": "1 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n",
            "no_area": "0 0.5 0.5 0.5 0.5 0.5 0.5\n",
            "point_outside": "0 0.5 0.5 1.3 0.5 1.3 0.9\n",
            "left_outside": "0 -0.3 0.5 0.4 0.5 0.4 0.9\n",
            "centre_outside": "0 1.0 0.5 1.2 0.5 1.2 0.9\n",
            "too_wide": "0 -0.2 0.5 0.9 0.5 0.9 0.9\n",
            "centre_rounds_to_101": "0 0.6200000643730164 0.5 1.4 0.5 1.4 0.9\n",
            "just_wide": "0 -0.005 0.5 1.005 0.5 1.005 0.9\n",
            "centre_negative": "0 -0.3 0.5 0.2 0.5 0.2 0.9\n",
            "centre_slightly_negative": "0 -0.1 0.5 0.085 0.5 0.085 0.9\n",
            "nan": "0 0.1 0.1 nan 0.1 0.5 0.5\n",
            "inf": "0 0.1 0.1 inf 0.1 0.5 0.5\n",
            "both_inf": "0 -inf 0.1 inf 0.1 0.5 0.5\n",
            "class_out_of_range": TRIANGLE.replace("0 ", "2 ", 1) + "\n",
            "class_half": TRIANGLE.replace("0 ", "0.5 ", 1) + "\n",
            "pixels": "0 10 10 50 10 50 50\n",
            "word": TRIANGLE + "\n0 0.1 0.1 x 0.1 0.5 0.5\n",
            "repeated": (TRIANGLE + "\n") * 2,
        },
    ),
    "label_keypoints": labels(
        "a pose dataset: rows may be longer by their key points",
        {
            "pose": KEYPOINTS + "\n",
            "box": BOX,
            "both": KEYPOINTS + "\n" + BOX,
            "points_outside": KEYPOINTS.replace("0.4", "1.4") + "\n",
            "points_are_words": "0 0.5 0.5 0.2 0.2 a b c d e f\n",
            "box_outside": KEYPOINTS.replace("0.5", "1.5") + "\n",
            "fewer_points": "0 0.5 0.5 0.2 0.2 0.4 0.4 2\n",
            "polygon": TRIANGLE + "\n",
            "pose_and_polygon": KEYPOINTS + "\n" + TRIANGLE + "\n",
            "class_out_of_range": KEYPOINTS.replace("0 ", "2 ", 1) + "\n",
            "empty": "",
            "missing": None,
        },
        YAML + "kpt_shape: [2, 3]\n",
    ),
    "label_keypoints_undeclared": labels(
        "key points without kpt_shape look like polygons",
        {"pose": KEYPOINTS + "\n", "pose_17": "0 0.5 0.5 0.2 0.2 " + "0.5 0.5 2 " * 17 + "\n", "box": BOX},
    ),
    "label_keypoints_odd_shape": labels(
        "a kpt_shape of nothing",
        {"pose": KEYPOINTS + "\n", "box": BOX, "six": "0 0.5 0.5 0.1 0.1 1\n"},
        YAML + "kpt_shape: [0, 3]\n",
    ),
    "label_many_classes": labels(
        "eighty classes",
        {str(i): f"{i} 0.5 0.5 0.1 0.1\n" for i in (0, 9, 10, 69, 70, 78, 79, 80, 81, 100, 790)},
        "nc: 80\ntrain: images/train\nval: images/train\n",
    ),
    "label_one_class": labels(
        "one class",
        {str(i): f"{i} 0.5 0.5 0.1 0.1\n" for i in (0, 1, 10)} | {"double_zero": "00 0.5 0.5 0.1 0.1\n"},
        "nc: 1\ntrain: images/train\nval: images/train\n",
    ),
    "label_all_missing": labels("no labels at all", {"a": None, "b": None}),
    "label_all_empty": labels("nothing but backgrounds", {"a": "", "b": ""}),
}
