"""The settings of `python -m autogan_tf.sample`."""

import dataclasses

from autogan_tf.config import generator_settings, plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting

_WHAT = "generator"
_IMAGES = "images"
_OUTPUT = "output"


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """One of `run_dir`, `saved_model` and `server`, and where to write; `validate()` raises UserError otherwise."""

    run_dir: str = generator_settings.run_dir("draws", group=_WHAT)
    saved_model: str = generator_settings.saved_model(group=_WHAT)
    server: str = setting(
        "", "A server that draws: http://HOST:PORT for REST, grpc://HOST:PORT for gRPC.", group=_WHAT
    )
    model: str = setting("autogan", "Name of the model on the server.", group=_WHAT)
    weights: str = generator_settings.weights(group=_WHAT)
    checkpoint: str = generator_settings.checkpoint(group=_WHAT)

    num_images: int = setting(100, "Images to draw.", group=_IMAGES, minimum=1, maximum=1_000_000)
    seed: int = setting(
        0,
        "Seed of the first image; each following one has the next seed, and a seed always gives the same image.",
        group=_IMAGES,
        minimum=0,
        maximum=2**62,
    )
    label: int | None = setting(
        None,
        "Of a conditional generator: the class to draw, from 0. None for every class, one in each row of the grid.",
        group=_IMAGES,
        minimum=0,
    )
    batch_size: int = setting(100, "Images drawn at once; does not change them.", group=_IMAGES, minimum=1)

    grid: str = setting("", "The PNG file to write, with all images in a grid.", group=_OUTPUT, path=PATH)
    columns: int = setting(10, "Images in a row of the grid.", group=_OUTPUT, minimum=1)
    scale: int = setting(
        0,
        "Side of a pixel in the grid; 0 for as much as makes images of at least 64 pixels.",
        group=_OUTPUT,
        minimum=0,
        maximum=64,
    )
    images: str = setting(
        "", "A new folder for the images as single PNG files, named by their seeds.", group=_OUTPUT, path=PATH
    )
    plugin: tuple[str, ...] = plugins.plugin(group=_OUTPUT)
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_OUTPUT, minimum=0)

    def validate(self) -> None:
        """Raises UserError for values that do not fit or do not go together."""
        check_fields(self)
        given = [name for name in ("run_dir", "saved_model", "server") if getattr(self, name)]
        if len(given) != 1:
            raise UserError(
                "give the generator as one of --run_dir (a run's folder), --saved_model and --server, got "
                f"{' and '.join(f'--{name}' for name in given) or 'none'}"
            )
        if not self.grid and not self.images:
            raise UserError("nowhere to write; give --grid=FILE.png, --images=FOLDER or both")
        if self.grid and not self.grid.lower().endswith(".png"):
            raise UserError(f"--grid={self.grid} must end in .png")
