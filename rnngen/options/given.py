"""What a user asked for: options that were given, as opposed to those that rules and defaults decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnngen.errors import UsageError
from rnngen.options.config import LENGTH_OPTIONS, SECTION_OF, TRAINING, RunConfig, unknown_option
from rnngen.options.declare import check
from rnngen.options.option import plain
from rnngen.options.presets import with_preset


@dataclass(frozen=True)
class Given(Mapping[str, Any]):
    """Options by flat name, checked before any text is read, with those of a preset among them.

    Attributes:
        flat: the values that were given, by flat name; None is not a value.
        config: the same, with the declared defaults for everything else.
        preset: the name of the preset that some of the values come from.
    """

    flat: Mapping[str, Any]
    config: RunConfig
    preset: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Given:
        """Check options; what has been checked already is returned as it is.

        Raises:
            UsageError: an unknown name, an invalid value, or options that exclude each other.
        """
        if isinstance(options, Given):
            return options
        values = {name: plain(value) for name, value in with_preset(options).items()}
        lengths = [name for name in LENGTH_OPTIONS if name in values]
        if len(lengths) > 1:
            raise UsageError(f"`{lengths[0]}` and `{lengths[1]}` cannot both be given", expected="one length")
        for name, value in values.items():
            if name not in TRAINING:
                raise unknown_option(name)
            values[name] = TRAINING[name].as_list(value)
            check(TRAINING[name], values[name])
        config = RunConfig.from_flat({name: value for name, value in values.items() if name in SECTION_OF})
        if config.model.bidirectional and config.train.ngram:
            raise UsageError(
                "`ngram` cannot be given with `bidirectional`", expected="a left-to-right model to mix it into"
            )
        return cls(values, config, options.get("preset"))

    def changed(self, values: Mapping[str, Any]) -> Given:
        """The same with other values for some options.

        Raises:
            UsageError: as ``of``.
        """
        changed = Given.of({**self.flat, **values})
        return Given(changed.flat, changed.config, self.preset)

    def __getitem__(self, name: str) -> Any:
        return self.flat[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.flat)

    def __len__(self) -> int:
        return len(self.flat)
