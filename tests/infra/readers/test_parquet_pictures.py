"""Pictures in a column: as they are, in order, a range of them, and none where a row has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.readers.parquet_pictures import lack_of, pictures
from schemas.errors import BadMedia

ROWS = [f"picture {i}".encode() for i in range(150)]


def _write(folder: Path, values: Any, group: int = 40) -> Path:
    pq.write_table(pa.table({"camera": values, "state": list(range(len(values)))}), folder / "a.parquet", group)
    return folder / "a.parquet"


@pytest.mark.parametrize("as_struct", [False, True])
@pytest.mark.parametrize("rows", ["", "0-3", "38-42", "80-150", "149-150", "5-75"])
def test_pictures_come_as_they_are(tmp_path: Path, as_struct: bool, rows: str) -> None:
    values = [{"bytes": raw, "path": "x.png"} for raw in ROWS] if as_struct else ROWS
    path = _write(tmp_path, values)
    assert lack_of(path, "camera") is None
    start, end = map(int, rows.split("-")) if rows else (0, 150)
    assert list(pictures(path, "camera", {"rows": rows} if rows else {})) == ROWS[start:end]


def test_a_row_without_picture_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, [*ROWS[:70], None, *ROWS[71:]])
    assert lack_of(path, "camera") is None
    with pytest.raises(BadMedia, match="row 70") as refused:
        list(pictures(path, "camera", {}))
    assert refused.value.reason == "bad_frame"
    assert len(list(pictures(path, "camera", {"rows": "0-70"}))) == 70


@pytest.mark.parametrize(
    ("values", "lack"),
    [
        ([1.0, 2.0], "its rows hold double, no JPEG or PNG"),
        (["a", "b"], "its rows hold string, no JPEG or PNG"),
        (pa.array([{"path": "a"}, {"path": "b"}]), "its rows hold struct<path: string>, no JPEG or PNG"),
        (pa.array([None, None], pa.binary()), "its rows hold no bytes"),
        (
            pa.array([{"bytes": None, "path": "a"}] * 2, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "its rows hold no bytes",
        ),
    ],
)
def test_a_column_without_pictures_says_why(tmp_path: Path, values: Any, lack: str) -> None:
    path = _write(tmp_path, values)
    assert lack_of(path, "camera") == lack
    assert lack_of(path, "nothing") == "the data file has no such column"


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(BadMedia) as refused:
        lack_of(tmp_path / "a.parquet", "camera")
    assert refused.value.reason == "bad_table"
    with pytest.raises(BadMedia) as refused:
        list(pictures(tmp_path / "a.parquet", "camera", {}))
    assert refused.value.reason == "bad_table"
    with pytest.raises(BadMedia) as refused:
        list(pictures(_write(tmp_path, ROWS), "nothing", {}))
    assert refused.value.reason == "missing_array"
