"""Put the specification's data beside the package: ../spec in the repository, spec in a source distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What the suite reads of the specification; the prose stays where it is.
WANTED = ("vectors", "fields.json", "requirements.json", "VERSION")


class SpecificationHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the wanted parts of the specification to wheels and source distributions."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add what there is of the wanted parts to the files of the build."""
        if version == "editable":
            return  # an editable installation reads the repository itself
        inside = Path(self.root) / "spec"
        source = inside if inside.is_dir() else Path(self.root).parent / "spec"
        target = "celeriac_conformance/data/spec" if self.target_name == "wheel" else "spec"
        for name in WANTED:
            if (source / name).exists():
                build_data["force_include"][str(source / name)] = f"{target}/{name}"
