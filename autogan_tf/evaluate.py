"""Scores a generator, or a folder of images, against real images.

    python -m autogan_tf.evaluate --run_dir=RUN --features=classifier
    python -m autogan_tf.evaluate --images=FOLDER --reference=cifar10 --inception_weights=inception.pth
    python -m autogan_tf.evaluate --reference=cifar10 --image_size=32 --write_reference=cifar10.npz --features=...

Prints a table; a run's scores are appended to its evaluations.jsonl.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autogan_tf.config import command_line, environment, feature_settings
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.config.evaluate import EvaluateConfig
from autogan_tf.config.image_sides import image_sides

if TYPE_CHECKING:
    import numpy as np

    from autogan_tf.data.image_data import ImageData
    from autogan_tf.data.image_store import ImageStore
    from autogan_tf.features.protocol import FeatureNetwork
    from autogan_tf.metrics.reference import Reference
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.serving.image_source import ImageSource

_CLASSIFIER_DEFAULTS = {"classifier_steps": 4000, "classifier_batch_size": 128, "classifier_width": 32}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(EvaluateConfig, argv, doc=__doc__ or "", body=_evaluate)


def _evaluate(config: EvaluateConfig) -> int:
    environment.set_tensorflow_defaults()
    # imported late: --help and errors in the flags must not wait for TensorFlow
    import tensorflow as tf

    from autogan_tf.features import choice
    from autogan_tf.metrics import evaluator
    from autogan_tf.runs import machine, score_table
    from autogan_tf.runs.folder import check_new_file, write_atomically
    from autogan_tf.runs.progress import Terminal

    machine.use_threads(config.threads)
    # scores are compared across machines, and TF32 keeps 10 bits only
    tf.config.experimental.enable_tensor_float_32_execution(False)
    check_new_file(config.write_reference, flag="write_reference")
    if config.json != "-":
        check_new_file(config.json, flag="json")
    judged = _judged(config)
    settings = dict(judged.settings) if judged else {}
    store = choice.image_store(config.cache_dir, memory_gb=config.data_memory_gb)
    with Terminal(stderr=config.json == "-") as terminal:
        data = _reference_images(config, judged, store)
        if judged is not None:
            num_real = None if data is None else len(data.images)
            evaluator.check_counts(
                config.wanted, num_images=config.num_eval_imgs, num_real=num_real, splits=_splits(config)
            )
        network = _network(config, judged, settings, store, terminal)
        reference = _reference(config, judged, data, network, terminal)
        if config.write_reference and reference is not None:
            reference.statistics.save(config.write_reference)
            terminal.line(
                f"{config.write_reference}: statistics of {reference.statistics.count:,} images of {reference.source} "
                f"through {reference.statistics.network}"
            )
        if judged is None:
            return 0
        heldout = None
        if config.heldout and data is not None:
            heldout = _heldout(config, judged, data, store, network, terminal)
        results = _scores(config, judged, network, reference, heldout, data.files if data else None, terminal)
        text = json.dumps(results, indent=1, allow_nan=False) + "\n"
        if config.json and config.json != "-":
            write_atomically(pathlib.Path(config.json), text)
        score_table.show(results, terminal)
    if config.json == "-":
        sys.stdout.write(text)
    return 0


def _judged(config: EvaluateConfig) -> ImageSource | None:
    """The generator or the folder, found and checked; None where only a reference is written."""
    from autogan_tf.serving import image_source

    size = {"number": config.num_eval_imgs, "batch_size": config.eval_batch_size}
    truncate = config.preset == "official"
    if config.run_dir:
        return image_source.of_run(
            config.run_dir, weights=config.weights, checkpoint=config.checkpoint, truncate=truncate, **size
        )
    if config.saved_model:
        return image_source.of_saved_model(config.saved_model, truncate=truncate, **size)
    return image_source.of_folder(config.images, **size) if config.images else None


def _where(config: EvaluateConfig, dataset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A data set as `sources.load` takes it; a path may stand for a folder or zip file."""
    is_zip = dataset.lower().endswith(".zip") and not dataset.startswith("folder:")
    if is_zip or ("/" in dataset and pathlib.Path(dataset).is_dir()):
        dataset = f"folder:{dataset}"
    of_the_run = settings.get("data_dir", "") if dataset == settings.get("dataset") else ""
    return {"dataset": dataset, "data_dir": config.data_dir or of_the_run, "download": config.download}


def _reference_images(config: EvaluateConfig, judged: ImageSource | None, store: ImageStore) -> ImageData | None:
    """The real images at the judged images' size; None where no score needs them."""
    import numpy as np

    from autogan_tf.data import image_data, seeds, sources

    if not (config.compares or config.write_reference) or config.has_statistics_file:
        return None
    settings = judged.settings if judged else {}
    dataset = config.reference or settings.get("dataset", "")
    if not dataset:
        raise UserError(
            f"--reference is empty, and the run {config.run_dir} does not say what it was trained on; give a data set, "
            "folder:PATH or a file.npz, or --metrics=is, which needs none"
        )
    where = _where(config, dataset, settings)
    sources.check_available(**where)
    resolution = judged.resolution if judged else config.image_size
    data = sources.load(resolution=resolution, split=config.reference_split, warn_enlarged=False, store=store, **where)
    if judged and data.channels != judged.channels:
        raise UserError(
            f"{judged.name} gives images of {_channels(judged)}, and {data.name} has {_channels(data)}; compare with "
            "images of the same kind"
        )
    if (data.smallest_side or resolution) < resolution:
        raise UserError(
            f"{judged.name if judged else '--image_size'} has images of {resolution} pixels, and {data.name} has some "
            f"of {data.smallest_side} ({data.enlarged}); compare with images of at least that size"
        )
    number = config.num_reference_imgs
    if number > len(data.images):
        raise UserError(
            f"--num_reference_imgs={number} is more than the {len(data.images):,} images of {data.name}/{data.split}; "
            "give at most that, or 0 for all"
        )
    if number:
        order = seeds.numpy_rng(0, "reference", len(data.images)).permutation(len(data.images))
        data = image_data.take(data, np.sort(order[:number]), data.split, store=store)
    return data


def _channels(images: ImageData | ImageSource) -> str:
    """Their number, and in a mixture which images have colours."""
    number = f"{images.channels} channel{'s' * (images.channels > 1)}"
    return f"{number} ({images.coloured})" if images.coloured else number


def _network(
    config: EvaluateConfig,
    judged: ImageSource | None,
    settings: Mapping[str, Any],
    store: ImageStore,
    terminal: Terminal,
) -> FeatureNetwork:
    """The feature network: the one that was asked for, or the run's own with its settings."""
    from autogan_tf.data import sources
    from autogan_tf.features import choice
    from autogan_tf.features.classifier_choice import ClassifierSettings, classifier

    own = {} if config.features else settings
    features = config.features or own.get("features", "inception")
    inception_weights = config.inception_weights or own.get("inception_weights", "")
    resolution = config.features_resolution or own.get("features_resolution", 0)
    feature_settings.validate(features=features, inception_weights=inception_weights, features_resolution=resolution)

    def make_classifier() -> FeatureNetwork:
        dataset = config.classifier_data or settings.get("dataset", "")
        dataset = dataset or ("" if config.has_statistics_file else config.reference)
        if not dataset:
            raise UserError(
                "--features=classifier is trained on a data set like the images, and none is named; give "
                "--classifier_data, or choose other features"
            )
        chosen = {
            name: getattr(config, name) or settings.get(name, default) for name, default in _CLASSIFIER_DEFAULTS.items()
        }
        side = judged.resolution if judged else config.image_size
        cells, bottom_width = settings.get("num_cells", 0), settings.get("bottom_width", 0)
        where = _where(config, dataset, settings)
        if config.classifier_data:  # otherwise the reference, of which this has been said
            sources.check_available(**where)
        sides = image_sides(bottom_width=bottom_width, num_cells=cells) or [side]
        made_with = ClassifierSettings(
            sides=sides,
            classifier_seed=(
                settings.get("classifier_seed", 0) if config.classifier_seed is None else config.classifier_seed
            ),
            cache_dir=config.cache_dir or settings.get("cache_dir", ""),
            **chosen,
        )
        return classifier(made_with, where, resolution=side, store=store, terminal=terminal)

    return choice.load(
        features,
        inception_weights=inception_weights,
        resolution=resolution,
        download=config.download,
        make_classifier=make_classifier,
    )


def _reference(
    config: EvaluateConfig,
    judged: ImageSource | None,
    data: ImageData | None,
    network: FeatureNetwork,
    terminal: Terminal,
) -> Reference | None:
    from autogan_tf.features import choice
    from autogan_tf.metrics import evaluator, reference

    if config.has_statistics_file:
        found = reference.read(config.reference)
        found.check_network(network)
        return found
    if data is None:
        return None
    terminal.phase(f"looking at the real images of {data.name}", len(data.images), "images")
    return reference.of_images(
        data,
        network,
        cache_dir=choice.cache_folder(config.cache_dir),
        with_features=judged is not None
        and any(metric in evaluator.NEED_REFERENCE_FEATURES for metric in config.wanted),
        progress=terminal.done,
    )


def _heldout(
    config: EvaluateConfig,
    judged: ImageSource,
    data: ImageData,
    store: ImageStore,
    network: FeatureNetwork,
    terminal: Terminal,
) -> np.ndarray:
    """Features of the data set's test images, which must not be among the training images."""
    import numpy as np

    from autogan_tf.data import sources
    from autogan_tf.data.image_files import MAX_NAMED, named
    from autogan_tf.features import choice
    from autogan_tf.metrics import memorization, reference

    where = _where(config, config.reference or judged.settings["dataset"], judged.settings)
    test = sources.load(resolution=judged.resolution, split="test", store=store, **where)
    same = memorization.identical_images([test.images], [data.images])
    known = np.flatnonzero(same >= 0)
    if len(known) > len(test.images) // 100:
        pairs = {test.called(row): f"the same as {shown(data.called(same[row]))}" for row in known[:MAX_NAMED]}
        raise UserError(
            f"--heldout: {len(known):,} of the {len(test.images):,} test images of {data.name} are among its training "
            f"images: {named(pairs, of=len(known))}; leave --heldout out"
        )
    terminal.phase(f"looking at the test images of {data.name}", len(test.images), "images")
    cache_dir = choice.cache_folder(config.cache_dir)
    found = reference.of_images(test, network, cache_dir=cache_dir, with_features=True, progress=terminal.done)
    assert found.features is not None
    return found.features


def _splits(config: EvaluateConfig) -> int:
    return 10 if config.preset == "official" else 1


def _scores(
    config: EvaluateConfig,
    judged: ImageSource,
    network: FeatureNetwork,
    reference: Reference | None,
    heldout: np.ndarray | None,
    real_files: Sequence[str] | None,
    terminal: Terminal,
) -> dict[str, Any]:
    """{"judged", "preset", "evaluations": one for each seed, and of several "mean" and "spread"}."""
    from autogan_tf.metrics import evaluator, memorization

    evaluations = []
    for seed in range(config.seed, config.seed + config.repeats):
        started = time.time()
        terminal.phase(f"looking at the images, seed {seed}", config.num_eval_imgs, "images")
        scores = evaluator.evaluate_images(
            _counted(judged.batches(seed), terminal),
            network,
            reference,
            heldout=heldout,
            metrics=config.wanted,
            seed=seed,
            splits=_splits(config),
            engine=config.engine,
        )
        if "memorization" in scores:
            made_files = judged.files(seed) if judged.files else None
            scores["memorization"] = memorization.with_files(
                scores["memorization"], generated=made_files, training=real_files
            )
        scores |= {"preset": config.preset, "judged": judged.name, "time": round(started, 3)}
        if judged.run is not None:
            scores |= {"weights": config.weights, "checkpoint": config.checkpoint}
            try:
                judged.run.append_evaluation(scores)
            except OSError as error:  # somebody else's run, say; the scores are shown and written elsewhere, too
                terminal.result(f"{judged.run.evaluations_file} cannot be written to: {error.strerror}")
        evaluations.append(scores)
    results: dict[str, Any] = {"judged": judged.name, "preset": config.preset, "evaluations": evaluations}
    if len(evaluations) > 1:
        varying = [
            name
            for name in evaluations[0]
            if name != "time" and all(isinstance(entry[name], float) for entry in evaluations)
        ]
        results["mean"] = {name: statistics.fmean(entry[name] for entry in evaluations) for name in varying}
        results["spread"] = {name: statistics.stdev(entry[name] for entry in evaluations) for name in varying}
    return results


def _counted(batches: Iterable[np.ndarray], terminal: Terminal) -> Iterator[np.ndarray]:
    count = 0
    for batch in batches:
        yield batch
        count += len(batch)
        terminal.done(count)
    terminal.phase("computing the scores", 1, "pass")


if __name__ == "__main__":
    sys.exit(main())
