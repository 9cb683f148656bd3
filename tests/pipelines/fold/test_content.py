"""The key of a table's columns: by values alone, and by every one of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fold.content import content_key

FLOATS = st.floats(width=32, allow_nan=False)
COLUMNS = {
    "vectors": (pa.list_(pa.float32()), st.none() | st.lists(FLOATS, max_size=3)),
    "words": (pa.string(), st.none() | st.text(max_size=3)),
    "flags": (pa.bool_(), st.none() | st.booleans()),
    "times": (pa.int64(), st.none() | st.integers(-9, 9)),
    "camera_ns": (pa.list_(pa.int64()), st.none() | st.lists(st.none() | st.integers(0, 9), max_size=2)),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.slow
def test_equal_values_have_an_equal_key_and_others_another(name: str) -> None:
    kind, values = COLUMNS[name]

    @given(one=st.lists(values, max_size=5), other=st.lists(values, max_size=5))
    def holds(one: list[object], other: list[object]) -> None:
        first = content_key({name: pa.array(one, kind)})
        padded = pa.concat_arrays([pa.array([None, *one, None], kind), pa.array([None], kind)])
        assert content_key({name: padded.slice(1, len(one))}) == first  # however it lies in memory
        assert content_key({"else": pa.array(one, kind)}) != first
        same = repr(one) == repr(other)  # -0.0 is not 0.0
        assert (content_key({name: pa.array(other, kind)}) == first) == same

    holds()


def test_what_lies_below_a_null_is_no_value() -> None:
    keys = {
        content_key({"x": pa.array(np.array([1.0, junk], np.float32), mask=np.array([False, True]))})
        for junk in (2.0, 3.0, float("nan"))
    }
    assert len(keys) == 1
    assert content_key({"x": pa.array([1.0, 0.0], pa.float32())}) not in keys
