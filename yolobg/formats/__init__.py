"""Dataset formats: read any, write any, and prove that nothing was lost on the way.

`convert` is the flow; `items` is what all readers and writers speak in; `registry` says which formats there are and
what each can hold; `change` is what is done on purpose (classes, polygons to boxes, splits); `losses` says beforehand
what would be lost; `tally` counts and compares. `yolo*`, `coco*` and `voc` are formats of our own; every other one goes
through datumaro, behind `bridge`, the only module that imports it, when it is called. datumaro never reads a YOLO
dataset: its importer drops backgrounds.
"""
