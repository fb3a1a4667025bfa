"""Real trainings with the Ultralytics at hand, one scenario a process; the tests start it and read what it tells.

    python ultra_driver.py SCENARIO '{"data": ..., "options": {...}}'

In a process of its own, for Ultralytics patches Pillow when it is imported and keeps its settings for good. It must run
with every release from 8.2.0 on. What it tells is a line `TOLD {json}` for each training, among Ultralytics' own lines.
"""

# ruff: noqa: PLC0415 - Ultralytics may be imported only after it was told where to keep its things
from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Job = dict[str, Any]
EVENT = "on_pretrain_routine_start"
SCENARIOS: dict[str, Callable[[Job], None]] = {}


def scenario(function: Callable[[Job], None]) -> Callable[[Job], None]:
    SCENARIOS[function.__name__] = function
    return function


def prepare() -> None:
    """Settle what makes Ultralytics look for the network; must come before it is imported."""
    place = Path(os.environ["YOLO_CONFIG_DIR"]) / "Ultralytics"
    place.mkdir(parents=True, exist_ok=True)
    drawn = importlib.util.find_spec("matplotlib")
    if drawn is not None and drawn.origin is not None:
        font = Path(drawn.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
        for name in ("Arial.ttf", "Arial.Unicode.ttf"):
            shutil.copyfile(font, place / name)


def tell(**told: Any) -> None:
    print("\nTOLD " + json.dumps(told), flush=True)


def make_model(job: Job) -> Any:
    from ultralytics import YOLO

    return YOLO(job.get("model", "yolov8n.yaml"))


def settings(job: Job) -> dict[str, Any]:
    """A short training on the CPU; each image once and alone, so that what was seen can be told."""
    return {
        "data": job["data"], "epochs": 1, "imgsz": 64, "batch": 4, "device": "cpu", "workers": 0, "plots": False,
        "val": False, "amp": False, "mosaic": 0.0, "project": job["project"], "name": "run", "exist_ok": True,
        **job.get("train", {}),
    }  # fmt: skip


def train(model: Any, job: Job) -> Any:
    """Train, and tell what the gradients were made of; returns the trainer."""
    seen: list[str] = []
    drawn: list[float] = []

    def watch(trainer: Any) -> None:
        preprocess = trainer.preprocess_batch

        def recorded(batch: Any) -> Any:
            seen.extend(Path(name).name for name in batch["im_file"])
            return preprocess(batch)

        trainer.preprocess_batch = recorded
        drawn.append(random.random())

    model.add_callback("on_train_start", watch)
    model.train(**settings(job))
    dataset = model.trainer.train_loader.dataset
    tell(
        dataset=len(dataset),
        backgrounds=sum(len(label["cls"]) == 0 for label in dataset.labels),
        seen=sorted(seen),
        drawn=drawn,
        names={str(key): name for key, name in model.trainer.data["names"].items()},
    )
    return model.trainer


# ---------------------------------------------------------------- the ways to hook in


@scenario
def by_attach(job: Job) -> None:
    """Train twice with one model each: the second training finds everything there."""
    from yolobg.ultralytics import attach

    for _ in range(job.get("trainings", 1)):
        model = make_model(job)
        attach(model, **job["options"])
        trainer = train(model, job)
        if job.get("gradient"):
            tell(gradient=background_gradient(trainer))


def background_gradient(trainer: Any) -> float:
    """The length of the gradient that backgrounds alone give."""
    dataset = trainer.train_loader.dataset
    places = [place for place, label in enumerate(dataset.labels) if len(label["cls"]) == 0]
    batch = trainer.preprocess_batch(dataset.collate_fn([dataset[place] for place in places]))
    model = trainer.model.train()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    model.zero_grad()
    model(batch)[0].sum().backward()
    return float(sum(float(p.grad.norm()) for p in model.parameters() if p.grad is not None))


@scenario
def by_add_callback(job: Job) -> None:
    from yolobg.ultralytics import EVENT as OURS
    from yolobg.ultralytics import BackgroundHook

    model = make_model(job)
    model.add_callback(OURS, BackgroundHook(**job["options"]))
    train(model, job)


@scenario
def by_default_callbacks(job: Job) -> None:
    from ultralytics.utils import callbacks

    from yolobg.ultralytics import BackgroundHook

    callbacks.default_callbacks[EVENT].append(BackgroundHook(**job["options"]))
    train(make_model(job), job)


@scenario
def by_eager_call(job: Job) -> None:
    import yolobg

    yolobg.augment(job["data"], **job["options"])
    train(make_model(job), job)


@scenario
def without(job: Job) -> None:
    train(make_model(job), job)


@scenario
def tasks(job: Job) -> None:
    from yolobg.ultralytics import attach

    for model_yaml, data in job["datasets"].items():
        model = make_model({"model": model_yaml})
        attach(model, **job["options"])
        train(model, {**job, "data": data})


@scenario
def classify(job: Job) -> None:
    from yolobg.ultralytics import attach

    model = make_model({"model": "yolov8n-cls.yaml"})
    attach(model, **job["options"])
    model.train(**settings(job))
    tell(dataset=len(model.trainer.train_loader.dataset))


@scenario
def resume(job: Job) -> None:
    """Interrupt a training after its first epoch, then resume it with the hook attached."""
    from yolobg.ultralytics import attach

    def cut(_trainer: Any) -> None:
        raise KeyboardInterrupt

    model = make_model(job)
    model.add_callback("on_model_save", cut)
    with contextlib.suppress(KeyboardInterrupt):
        model.train(**{**settings(job), "epochs": 2})
    model = make_model({"model": str(model.trainer.last)})
    attach(model, **job["options"])
    model.train(resume=True)
    tell(dataset=len(model.trainer.train_loader.dataset), epoch=model.trainer.epoch)


# ---------------------------------------------------------------- several GPUs, on the CPU


@scenario
def worker_file(job: Job) -> None:
    """Write the file that Ultralytics would start on each GPU, as it does after `attach`."""
    from ultralytics.utils.dist import generate_ddp_file

    from yolobg.ultralytics import attach

    model = make_model(job)
    attach(model, **job["options"])
    before = len(list(Path(job["data"]).parent.rglob("bg_*.jpg")))
    # The launching process passes the callbacks over; a trainer for the CPU would not, so it is made without them.
    trainer = model._smart_load("trainer")(overrides={**settings(job), "model": "yolov8n.yaml"})
    trainer.model = trainer.get_model(cfg="yolov8n.yaml", verbose=False)
    trainer.callbacks = model.callbacks
    trainer.hub_session = None
    tell(file=generate_ddp_file(trainer), before=before)


@scenario
def rank(job: Job) -> None:
    """One of two processes that train together over gloo; which one is in the environment, as torchrun sets it."""
    import torch
    from ultralytics.engine import trainer as engine

    from yolobg.ultralytics import attach

    def set_up(_trainer: Any) -> None:
        torch.distributed.init_process_group("gloo")

    def on_cpu(module: Any, device_ids: Any = None, **options: Any) -> Any:
        return torch.nn.parallel.DistributedDataParallel(module, **options)

    # Ultralytics trains in several processes on several GPUs only. Here are none: the processes meet over gloo.
    engine.BaseTrainer._setup_ddp = set_up
    engine.BaseTrainer.final_eval = lambda _trainer: None  # it asks for the GPU again
    engine.nn = SimpleNamespace(**{**vars(torch.nn), "parallel": SimpleNamespace(DistributedDataParallel=on_cpu)})
    model = make_model(job)
    # Whoever comes second must wait, however long the first one takes.
    model.add_callback(EVENT, lambda _trainer: time.sleep(3))
    attach(model, **job["options"])
    overrides = {**settings(job), "model": "yolov8n.yaml"}
    trainer = model._smart_load("trainer")(overrides=overrides, _callbacks=model.callbacks)
    trainer.model = trainer.get_model(cfg="yolov8n.yaml", verbose=False)
    trainer.world_size, trainer.ddp = 2, False
    trainer.train()
    torch.distributed.destroy_process_group()
    loader = trainer.train_loader
    tell(rank=int(os.environ["RANK"]), dataset=len(loader.dataset), part=len(loader.sampler))


if __name__ == "__main__":
    prepare()
    SCENARIOS[sys.argv[1]](json.loads(sys.argv[2]))
