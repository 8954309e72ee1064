"""Molecules: of files, of RDKit's objects, and of SMILES."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import BatchableMedia, MediaPlace, captions_of, read_text
from kymograph.types import JsonObject, JsonValue


class Molecule(BatchableMedia):
    """A molecule in one of the common file types."""

    log_type: ClassVar[str] = "molecule-file"
    subfolder: ClassVar[str] = "molecule"
    SUPPORTED_TYPES: ClassVar[frozenset[str]] = frozenset(
        {"pdb", "pqr", "mmcif", "mcif", "cif", "sdf", "sd", "gro", "mol2", "mmtf"}
    )
    SUPPORTED_RDKIT_TYPES: ClassVar[frozenset[str]] = frozenset({"mol", "sdf"})

    def __init__(self, data_or_path: Any, caption: str | None = None, file_type: str | None = None) -> None:
        """Take a file.

        Args:
            data_or_path: The path of a file, or an open file.
            caption: Shown below it.
            file_type: Of an open file without a name, one of `SUPPORTED_TYPES`.

        Raises:
            InvalidMedia: It is neither, or of no known type.
            MediaFileNotFound: There is no such file.
        """
        if not isinstance(data_or_path, PathLike) and isinstance(getattr(data_or_path, "name", None), str):
            data_or_path = Path(data_or_path.name)  # an open file that has a path
        if isinstance(data_or_path, str | PathLike):
            path = Path(data_or_path)
            self._check(path.suffix[1:])
            super().__init__(path, extension=path.suffix, caption=caption)
        elif hasattr(data_or_path, "read"):
            self._check(file_type)
            super().__init__(read_text("Molecule", data_or_path).encode(), extension=f".{file_type}", caption=caption)
        else:
            raise InvalidMedia("Molecule", f"it cannot be made of {type(data_or_path).__name__}; give a file")

    def _check(self, file_type: str | None) -> None:
        if file_type not in self.SUPPORTED_TYPES:
            known = ", ".join(sorted(self.SUPPORTED_TYPES))
            raise InvalidMedia("Molecule", f"its file_type is {file_type!r}, and may be {known}")

    @classmethod
    def from_rdkit(
        cls,
        data_or_path: Any,
        caption: str | None = None,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Self:
        """Take a molecule of RDKit, or a file (``.mol``, ``.sdf``: its first) that RDKit reads.

        Args:
            data_or_path: The molecule, or the path of the file.
            caption: Shown below it.
            convert_to_3d_and_optimize: Whether to have places of the atoms computed; that takes long for large ones.
            mmff_optimize_molecule_max_iterations: How long to improve them.

        Raises:
            InvalidMedia: RDKit cannot read it.
            MissingPackage: RDKit is not installed.
        """
        chemistry = foreign.require("rdkit.Chem", "a molecule of RDKit")
        molecule = _read(chemistry, Path(data_or_path)) if isinstance(data_or_path, str | PathLike) else data_or_path
        if not isinstance(molecule, chemistry.rdchem.Mol):
            raise InvalidMedia("Molecule", "RDKit reads no molecule from it")
        if convert_to_3d_and_optimize:
            all_chemistry = foreign.require("rdkit.Chem.AllChem", "a molecule of RDKit")
            molecule = chemistry.AddHs(molecule)
            all_chemistry.EmbedMolecule(molecule)
            all_chemistry.MMFFOptimizeMolecule(molecule, maxIters=mmff_optimize_molecule_max_iterations)
        block = chemistry.rdmolfiles.MolToPDBBlock(molecule)
        return cls(io.StringIO(block), caption=caption, file_type="pdb")

    @classmethod
    def from_smiles(
        cls,
        data: str,
        caption: str | None = None,
        sanitize: bool = True,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Self:
        """Take a molecule's SMILES; see `from_rdkit`.

        Raises:
            InvalidMedia: It is none.
            MissingPackage: RDKit is not installed.
        """
        molecule = foreign.require("rdkit.Chem", "a molecule of SMILES").MolFromSmiles(data, sanitize=sanitize)
        if molecule is None:
            raise InvalidMedia("Molecule", f"{data!r} is no SMILES")
        return cls.from_rdkit(molecule, caption, convert_to_3d_and_optimize, mmff_optimize_molecule_max_iterations)

    @classmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items`; ``captions`` is false if there are none."""
        names: list[JsonValue] = [item.bind(place, key, step)["path"] for item in items]
        captions = captions_of(items)
        return {
            "_type": "molecule",
            "filenames": names,
            "count": len(names),
            "captions": False if captions is None else captions,
        }


def _read(chemistry: Any, path: Path) -> Any:
    if path.suffix == ".sdf":
        with chemistry.SDMolSupplier(str(path)) as supplier:
            return next(supplier, None)
    if path.suffix == ".mol":
        return chemistry.MolFromMolFile(str(path))
    raise InvalidMedia("Molecule", f"RDKit reads .mol and .sdf files here, and not {path.name}")
