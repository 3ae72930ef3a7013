"""How a search or a training begins: its devices, whether its run is complete already, its images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autogan_tf.config.earlier_versions import OF_CANDIDATES
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import ImageStore
from autogan_tf.features import choice
from autogan_tf.runs import machine
from autogan_tf.runs.folder import RunFolder, default_run_dir
from autogan_tf.training import precision
from autogan_tf.training.distribution import Distribution, start


@dataclasses.dataclass(frozen=True)
class Opened:
    """Attributes:
    config: the settings, of a run that goes on with its classifier's seed.
    distribution: where steps run.
    run_dir: the run's folder, which may not be there yet.
    where: the data set, as `sources.load` takes it.
    found: a line about where it was found; may be empty.
    store: of the images.
    data: the images at the generator's resolution.
    """

    config: Any
    distribution: Distribution
    run_dir: str
    where: Mapping[str, Any]
    found: str
    store: ImageStore
    data: ImageData


def opened(
    config: SearchConfig | TrainConfig,
    *,
    command: str,
    resolution: int,
    batches: Mapping[str, int],
    complete: Callable[[Any, RunFolder], str],
    architecture: str = "",
    data: ImageData | None = None,
) -> Opened | None:
    """All that comes before a command's own work; to be called before TensorFlow computes anything.

    Args:
      command: "search" or "train".
      resolution: of the images, in pixels.
      batches: by flag, the batch sizes that replicas share.
      complete: for the settings and the folder of a run that would go on: what to say where it has nothing left to
        do, else nothing. Raises UserError where it cannot go on with these settings.
      architecture: what workers must agree on besides the settings.
      data: in place of the images that the settings name, which then need not be there; None: those.

    Returns:
      None where the run is complete, which was said.

    Raises:
      UserError: devices, folder, data or workers are not as the settings say.
    """
    machine.use_threads(config.threads)
    if getattr(config, "workers", 1) > 1:
        machine.share_gpus()
    distribution = start(config.distribution, replicas=config.replicas)
    distribution.check_same_settings(command, config, **({"architecture": architecture} if architecture else {}))
    distribution.check_batches(**batches)
    precision.check(config.precision)
    run_dir = config.run_dir or default_run_dir(command, config.dataset)
    said = ""
    if distribution.is_chief:  # which alone writes; it may have begun by now
        _, resumes = RunFolder.open(run_dir, command=command, resume=config.resume)
        if resumes:
            config = _as_it_began(config, RunFolder(run_dir))
        if resumes and not config.dry_run:
            said = complete(config, RunFolder(run_dir))
            if said:
                print(f"the run in {run_dir} is complete: {said}")
    if distribution.chiefs(bool(said)):
        return None
    seed = int(distribution.agreed(np.array(config.classifier_seed)))  # the chief's, who alone has read the folder
    config = dataclasses.replace(config, classifier_seed=seed)
    where: dict[str, Any] = {"dataset": config.dataset, "data_dir": config.data_dir, "download": config.download}
    found = sources.check_available(**where) if data is None else ""
    store = choice.image_store(
        config.cache_dir, memory_gb=config.data_memory_gb, keeps_decoded=not config.dry_run
    )
    if data is None:
        data = sources.load(resolution=resolution, warn_enlarged=False, store=store, **where)
        distribution.check_same_images(data)
    return Opened(config, distribution, run_dir, where, found, store, data)


def _as_it_began(config: SearchConfig | TrainConfig, folder: RunFolder) -> SearchConfig | TrainConfig:
    """A run of an earlier version goes on with the classifier, and the candidates' graphs and seeds, that it began
    with, of which its folder says nothing."""
    written, known = folder.config()["settings"], folder.settings()
    if "classifier_seed" not in written and not config.classifier_seed:
        config = dataclasses.replace(config, classifier_seed=known.get("classifier_seed", 0))
    if isinstance(config, SearchConfig):
        of_then = {name: known[name] for name in OF_CANDIDATES if name in known and name not in written}
        config = dataclasses.replace(config, **of_then)
    return config
